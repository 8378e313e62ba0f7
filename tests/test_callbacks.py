"""Callbacks: what they do at which epoch, what they write, what they say about wrong arguments."""

import csv
import http.server
import json
import threading
import time
import urllib.parse
import urllib.request

import numpy as np
import pytest

import kjax as keras
from kjax import callbacks, optimizers
from kjax.callbacks.base import needs_batches
from kjax.callbacks.event_file import Histogram, _png


class Stand:
    """What a callback sees of a model."""

    def __init__(self, optimizer=None):
        self.optimizer = optimizer or optimizers.SGD(lr=0.1)
        self.stop_training = False
        self.weights = [np.zeros(1)]
        self.saved = []

    def get_weights(self):
        return [w.copy() for w in self.weights]

    def set_weights(self, weights):
        self.weights = weights

    def save(self, path, overwrite=True):
        self.saved.append(path)

    def save_weights(self, path, overwrite=True):
        self.saved.append(path + " (weights)")


def attach(callback, metrics=("loss", "acc", "val_loss", "val_acc"), model=None):
    callback.set_params({"metrics": list(metrics), "epochs": 10, "do_validation": True})
    callback.set_model(model or Stand())
    callback.on_train_begin()
    return callback


def run(callback, figures, name="val_loss"):
    """Feeds one figure per epoch; returns the number of epochs run."""
    for epoch, value in enumerate(figures):
        callback.on_epoch_begin(epoch, {})
        callback.model.weights = [np.array([float(epoch)])]
        callback.on_epoch_end(epoch, {name: value})
        if callback.model.stop_training:
            break
    callback.on_train_end({})
    return epoch + 1


@pytest.mark.parametrize(
    "kwargs, figures, epochs",
    [
        ({}, [3, 2, 2.5, 1], 3),
        ({"patience": 2}, [3, 2, 2.5, 2.6, 1], 4),
        ({"min_delta": 0.5}, [3, 2.4, 2, 1], 3),
        ({"baseline": 1.0, "patience": 2}, [3, 2, 0.5], 2),
        ({"mode": "max"}, [1, 2, 1.5], 3),
        ({"patience": 1}, [3, 2, 1, 0], 4),
    ],
)
def test_early_stopping_counts_epochs_without_improvement(kwargs, figures, epochs):
    assert run(attach(callbacks.EarlyStopping(**kwargs)), figures) == epochs


def test_early_stopping_takes_accuracy_for_ascending_under_both_names():
    for name in ("val_acc", "val_accuracy"):
        stopping = attach(callbacks.EarlyStopping(monitor=name))
        assert run(stopping, [0.5, 0.6, 0.55, 0.7], name) == 3


def test_early_stopping_restores_the_best_weights(capsys):
    stopping = attach(callbacks.EarlyStopping(patience=2, restore_best_weights=True, verbose=1))
    run(stopping, [3, 1, 2, 2, 2])
    assert stopping.model.weights[0] == 1
    out = capsys.readouterr().out
    assert "Restoring model weights from the end of the best epoch" in out and "Epoch 00004: early stopping" in out


@pytest.mark.parametrize("make", [callbacks.EarlyStopping, callbacks.ReduceLROnPlateau])
def test_unknown_monitor_is_said_at_the_start(make):
    with pytest.warns(RuntimeWarning, match="monitor 'val_los' is not among the figures.*loss, acc, val_loss"):
        attach(make(monitor="val_los"))


def test_unknown_mode_is_said():
    with pytest.warns(RuntimeWarning, match="EarlyStopping mode best is unknown, fallback to auto"):
        callbacks.EarlyStopping(mode="best")


def test_missing_figure_of_an_unvalidated_epoch_is_let_pass(recwarn):
    stopping = attach(callbacks.EarlyStopping())
    stopping.on_epoch_end(0, {"loss": 1.0})
    assert not recwarn.list and stopping.wait == 0


def test_reduce_lr_on_plateau_follows_patience_cooldown_and_minimum(capsys):
    model = Stand()
    plateau = attach(
        callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2, min_lr=0.02, verbose=1), model=model
    )
    rates = []
    for epoch in range(8):
        logs = {"val_loss": 1.0}
        plateau.on_epoch_end(epoch, logs)
        rates.append(logs["lr"])
    np.testing.assert_allclose(rates, [0.1, 0.1, 0.05, 0.05, 0.025, 0.025, 0.02, 0.02], rtol=1e-6)
    assert "Epoch 00002: ReduceLROnPlateau reducing learning rate to 0.05" in capsys.readouterr().out


def test_reduce_lr_arguments():
    with pytest.raises(ValueError, match="factor >= 1.0"):
        callbacks.ReduceLROnPlateau(factor=1.5)
    with pytest.warns(UserWarning, match="min_delta"):
        assert callbacks.ReduceLROnPlateau(epsilon=0.3).min_delta == 0.3
    with pytest.raises(TypeError, match="unexpected arguments.*deltas"):
        callbacks.ReduceLROnPlateau(deltas=1)


def test_checkpoint_saves_the_best_by_template(tmp_path, capsys):
    path = str(tmp_path / "new" / "w.{epoch:02d}-{val_accuracy:.2f}.h5")
    checkpoint = attach(callbacks.ModelCheckpoint(path, "val_accuracy", verbose=1, save_best_only=True))
    from kjax.engine.logs import Logs

    for epoch, value in enumerate([0.5, 0.4, 0.75]):
        checkpoint.on_epoch_end(epoch, Logs(val_acc=value))
    names = [p.rsplit("/", 1)[1] for p in checkpoint.model.saved]
    assert names == ["w.01-0.50.h5", "w.03-0.75.h5"] and (tmp_path / "new").is_dir()
    out = capsys.readouterr().out
    assert "Epoch 00001: val_accuracy improved from -inf to 0.50000, saving model to" in out
    assert "Epoch 00002: val_accuracy did not improve from 0.50000" in out


def test_checkpoint_period_and_weights_only(tmp_path):
    checkpoint = attach(callbacks.ModelCheckpoint(str(tmp_path / "{epoch}"), period=2, save_weights_only=True))
    for epoch in range(5):
        checkpoint.on_epoch_end(epoch, {"val_loss": 1.0})
    assert checkpoint.model.saved == [str(tmp_path / "2 (weights)"), str(tmp_path / "4 (weights)")]


def test_checkpoint_template_with_a_figure_that_does_not_exist():
    checkpoint = attach(callbacks.ModelCheckpoint("{val_f1}.h5"))
    with pytest.raises(ValueError, match="names 'val_f1', which this epoch has not; it has val_loss, epoch"):
        checkpoint.on_epoch_end(0, {"val_loss": 1.0})


@pytest.mark.parametrize(
    "schedule, rates",
    [
        (lambda epoch: 0.5**epoch, [1, 0.5, 0.25]),
        (lambda epoch, lr: lr * 0.1, [0.01, 0.001, 0.0001]),
        (lambda epoch: np.float32(epoch), [0, 1, 2]),
    ],
)
def test_scheduler_takes_one_and_two_arguments(schedule, rates):
    scheduler, seen = attach(callbacks.LearningRateScheduler(schedule)), []
    for epoch in range(3):
        scheduler.on_epoch_begin(epoch)
        logs = {}
        scheduler.on_epoch_end(epoch, logs)
        seen.append(logs["lr"])
    np.testing.assert_allclose(seen, rates, rtol=1e-5)


def test_scheduler_errors():
    with pytest.raises(ValueError, match="should be float, received 'x'"):
        attach(callbacks.LearningRateScheduler(lambda epoch: "x")).on_epoch_begin(0)
    scheduler = attach(callbacks.LearningRateScheduler(lambda epoch: 0.1), model=Stand(optimizers.Optimizer()))
    with pytest.raises(ValueError, match='must have an "lr" attribute; Optimizer has none'):
        scheduler.on_epoch_begin(0)


def test_errors_inside_a_schedule_are_the_users_own():
    def schedule(epoch, lr):
        return epoch + None

    with pytest.raises(TypeError, match="unsupported operand"):
        attach(callbacks.LearningRateScheduler(schedule)).on_epoch_begin(0)


@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_terminate_on_nan(loss, capsys):
    callback = attach(callbacks.TerminateOnNaN())
    callback.on_batch_end(3, {"loss": 0.5})
    assert not callback.model.stop_training
    callback.on_batch_end(4, {"loss": loss})
    assert callback.model.stop_training and "Batch 4: Invalid loss" in capsys.readouterr().out


def test_csv_logger_appends_and_fills(tmp_path):
    path = tmp_path / "log.csv"
    for append in (False, True):
        logger = attach(callbacks.CSVLogger(str(path), separator=";", append=append), metrics=["loss", "val_loss"])
        logger.on_epoch_end(0, {"loss": 0.5})
        logger.on_epoch_end(1, {"loss": 0.25, "val_loss": 1.0, "extra": 3})
        logger.on_train_end()
    rows = list(csv.reader(path.open(), delimiter=";"))
    assert rows == [["epoch", "loss", "val_loss"], ["0", "0.5", "NA"], ["1", "0.25", "1.0"]] + rows[1:3]
    assert len(rows) == 5


def test_lambda_callback_calls_what_it_is_given():
    calls = []
    callback = callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: calls.append(("epoch", epoch)), on_test_begin=lambda logs: calls.append("test")
    )
    attach(callback).on_epoch_end(3, {})
    callback.on_test_begin({})
    assert calls == [("epoch", 3), "test"]


def test_only_callbacks_with_batch_hooks_need_batches():
    class PerBatch(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            pass

    assert needs_batches(PerBatch()) and needs_batches(callbacks.TerminateOnNaN())
    assert needs_batches(callbacks.LambdaCallback(on_batch_end=lambda batch, logs: None))
    assert needs_batches(callbacks.TensorBoard(update_freq="batch"))
    for callback in (
        callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: None),
        callbacks.EarlyStopping(),
        callbacks.TensorBoard(),
        callbacks.History(),
        callbacks.BaseLogger(),
        callbacks.ProgbarLogger(),
        callbacks.CSVLogger("x"),
    ):
        assert not needs_batches(callback), callback


class _Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.received.append((self.path, dict(self.headers), body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *args):
        pass


@pytest.fixture
def server():
    made = http.server.HTTPServer(("127.0.0.1", 0), _Receiver)
    made.received = []
    thread = threading.Thread(target=made.serve_forever)
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


@pytest.mark.parametrize("as_json", [False, True])
def test_remote_monitor_posts_to_a_server(server, as_json):
    root = f"http://127.0.0.1:{server.server_port}"
    monitor = attach(callbacks.RemoteMonitor(root, "/here", headers={"X-Run": "7"}, send_as_json=as_json))
    monitor.on_epoch_end(2, {"loss": np.float32(0.5), "many": np.arange(2)})
    [(path, headers, body)] = server.received
    text = body if as_json else urllib.parse.parse_qs(body)["data"][0]
    assert path == "/here" and headers["X-Run"] == "7"
    assert json.loads(text) == {"epoch": 2, "loss": 0.5, "many": [0, 1]}


def test_remote_monitor_that_cannot_be_reached_warns():
    monitor = attach(callbacks.RemoteMonitor("http://127.0.0.1:9"))
    with pytest.warns(UserWarning, match="Could not reach RemoteMonitor root server at http://127.0.0.1:9"):
        monitor.on_epoch_end(0, {"loss": 0.5})


def test_histogram_counts_every_value_once():
    values = np.array([-3.0, -1e-13, 0.0, 1e-13, 0.5, 0.5, 7.0, np.nan, np.inf])
    fields = Histogram().add(values[:4]).add(values[4:]).fields()
    assert fields["num"] == 7 == sum(fields["bucket"]) and fields["min"] == -3 and fields["max"] == 7
    for value, count in ((-3.0, 1), (0.5, 2), (7.0, 1)):
        i = np.searchsorted(fields["bucket_limit"], value, side="right")
        assert fields["bucket"][i] == count
    assert Histogram().fields()["bucket"] == [0.0]


def test_png_is_read_back():
    image = pytest.importorskip("PIL.Image")
    import io

    pixels = np.arange(24, dtype="uint8").reshape(2, 4, 3)
    np.testing.assert_array_equal(np.asarray(image.open(io.BytesIO(_png(pixels)))), pixels)


# ---------------------------------------------------------------- in real training


def make_model():
    model = keras.models.Sequential(
        [keras.layers.Dense(3, activation="tanh", input_shape=(4,), name="hidden"), keras.layers.Dense(1, name="out")]
    )
    model.compile("sgd", "mse", metrics=["mae"])
    return model


X = np.random.RandomState(0).normal(size=(20, 4)).astype("float32")
Y = X[:, :1] ** 2


def test_weights_are_those_of_the_moment_in_every_hook():
    seen = []

    class Watch(callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            seen.append(self.model.get_weights()[0])

    model = make_model()
    model.fit(X, Y, batch_size=10, epochs=2, verbose=0, callbacks=[Watch()], shuffle=False)
    assert len(seen) == 4 and all(not np.array_equal(a, b) for a, b in zip(seen, seen[1:], strict=False))
    np.testing.assert_array_equal(seen[-1], model.get_weights()[0])


class Hooks(callbacks.Callback):
    """Notes every hook of evaluations and predictions, with the names in its logs."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def on_test_begin(self, logs=None):
        self.seen.append("test begins")

    def on_test_end(self, logs=None):
        self.seen.append("test ends")

    def on_test_batch_begin(self, batch, logs=None):
        self.seen.append((batch, dict(logs)))

    def on_test_batch_end(self, batch, logs=None):
        self.seen.append((batch, sorted(logs), logs["size"]))

    on_predict_begin, on_predict_end = on_test_begin, on_test_end
    on_predict_batch_begin, on_predict_batch_end = on_test_batch_begin, on_test_batch_end


def batches():
    while True:
        yield X[:12], Y[:12]
        yield X[12:], Y[12:]


@pytest.mark.parametrize("way", ["evaluate", "predict", "evaluate_generator", "predict_generator", "fit", "fit_gen"])
def test_hooks_of_evaluations_and_predictions(way):
    """As Keras 2.3.1 calls them, with the same names in the logs; validation is an evaluation too."""
    model, watch = make_model(), Hooks()
    {
        "evaluate": lambda: model.evaluate(X, Y, 12, verbose=0, callbacks=[watch]),
        "predict": lambda: model.predict(X, 12, callbacks=[watch]),
        "evaluate_generator": lambda: model.evaluate_generator(batches(), 2, callbacks=[watch]),
        "predict_generator": lambda: model.predict_generator(batches(), 2, callbacks=[watch]),
        "fit": lambda: model.fit(X, Y, 12, verbose=0, callbacks=[watch], validation_data=(X, Y)),
        "fit_gen": lambda: model.fit_generator(
            batches(), 1, 1, 0, callbacks=[watch], validation_data=batches(), validation_steps=2
        ),
    }[way]()
    names = ["outputs"] if "predict" in way else ["loss", "mean_absolute_error"]
    names = sorted(["batch", "size", *names])
    first, second = {"batch": 0, "size": 12}, {"batch": 1, "size": 8}
    assert watch.seen == ["test begins", (0, first), (0, names, 12), (1, second), (1, names, 8), "test ends"]
    assert watch.model is model and watch.params["verbose"] == 0


def test_outputs_in_the_hook_are_those_of_the_batch():
    model, outputs = make_model(), []
    keep = callbacks.LambdaCallback(on_predict_batch_end=lambda batch, logs: outputs.append(logs["outputs"][0]))
    predicted = model.predict(X, 12, callbacks=[keep])
    np.testing.assert_array_equal(np.concatenate(outputs), predicted)


def test_the_later_names_of_batch_hooks_call_the_earlier():
    calls = []

    class Earlier(callbacks.Callback):
        def on_batch_end(self, batch, logs=None):
            calls.append(("earlier", batch))

    class Both(Earlier):
        def on_train_batch_end(self, batch, logs=None):
            calls.append(("later", batch))

    make_model().fit(X, Y, batch_size=20, verbose=0, callbacks=[Earlier(), Both()])
    assert calls == [("earlier", 0), ("later", 0)]


def test_a_callback_instead_of_a_list():
    model = make_model()
    for call in (
        lambda: model.fit(X, Y, verbose=0, callbacks=callbacks.History()),
        lambda: model.predict(X, callbacks=callbacks.History()),
    ):
        with pytest.raises(TypeError, match="callbacks must be a list of Callback; got History"):
            call()


def test_scheduler_changes_the_rate_while_training():
    model = make_model()
    scheduler = callbacks.LearningRateScheduler(lambda epoch: [0.1, 0.0, 0.0][epoch])
    keep = []
    record = callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: keep.append(model.get_weights()))
    history = model.fit(X, Y, epochs=3, verbose=0, callbacks=[scheduler, record]).history
    np.testing.assert_allclose(history["lr"], [0.1, 0.0, 0.0])
    np.testing.assert_array_equal(keep[0][0], keep[2][0])


def test_tensorboard_log_is_read_back(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    model = make_model()
    board = callbacks.TensorBoard(str(tmp_path), histogram_freq=1, write_grads=True, write_images=True, batch_size=8)
    board.validation_data = [X, Y, None]
    history = model.fit(X, Y, epochs=2, verbose=0, callbacks=[board], validation_data=(X, Y)).history
    reader = event_accumulator.EventAccumulator(str(tmp_path), size_guidance={"images": 0})
    reader.Reload()
    tags = reader.Tags()
    assert set(tags["scalars"]) == set(history)
    np.testing.assert_allclose([e.value for e in reader.Scalars("loss")], history["loss"], rtol=1e-6)
    assert {"hidden/kernel_0", "hidden/kernel_0_grad", "hidden_out"} <= set(tags["histograms"])
    assert sum(reader.Histograms("hidden_out")[0].histogram_value.bucket) == 60
    assert "hidden/kernel_0/image" in tags["images"]
    assert [node.name for node in reader.Graph().node] and tags["graph"]


@pytest.mark.slow
def test_real_tensorboard_answers_with_the_scalars(tmp_path):
    program = pytest.importorskip("tensorboard.program")
    history = make_model().fit(X, Y, epochs=3, verbose=0, callbacks=[callbacks.TensorBoard(str(tmp_path))]).history
    board = program.TensorBoard()
    board.configure(argv=[None, "--logdir", str(tmp_path), "--port", "0", "--load_fast", "false"])
    address, tags, deadline = board.launch(), {}, time.monotonic() + 30
    while not tags and time.monotonic() < deadline:
        with urllib.request.urlopen(address + "data/plugin/scalars/tags") as answer:
            tags = json.load(answer)
    assert set(tags["."]) == set(history)
    with urllib.request.urlopen(address + "data/plugin/scalars/scalars?run=.&tag=loss") as answer:
        points = json.load(answer)
    np.testing.assert_allclose([value for _, _, value in points], history["loss"], rtol=1e-6)


def test_tensorboard_counts_samples(tmp_path):
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    board = callbacks.TensorBoard(str(tmp_path), update_freq=10, write_graph=False)
    make_model().fit(X, Y, batch_size=5, epochs=1, verbose=0, callbacks=[board])
    reader = event_accumulator.EventAccumulator(str(tmp_path))
    reader.Reload()
    assert [e.step for e in reader.Scalars("loss")] == [10, 20, 20]


def test_tensorboard_saves_embeddings(tmp_path):
    pytest.importorskip("tensorboard")
    model = keras.models.Sequential([keras.layers.Embedding(5, 2, input_length=3, name="words")])
    model.add(keras.layers.Flatten())
    model.add(keras.layers.Dense(1))
    model.compile("sgd", "mse")
    data = np.arange(12).reshape(4, 3) % 5
    board = callbacks.TensorBoard(
        str(tmp_path), embeddings_freq=1, embeddings_data=data, embeddings_metadata="labels.tsv", batch_size=3
    )
    model.fit(data, np.zeros((4, 1)), epochs=1, verbose=0, callbacks=[board])
    table = np.loadtxt(tmp_path / "words_embedding.tsv")
    np.testing.assert_allclose(table, model.get_weights()[0][data].reshape(4, 6), rtol=1e-5)
    config = (tmp_path / "projector_config.pbtxt").read_text()
    assert "words_embedding.tsv" in config and "labels.tsv" in config


def test_tensorboard_errors(tmp_path):
    with pytest.raises(ValueError, match="update_freq must be 'epoch', 'batch' or an integer > 0, received 'step'"):
        callbacks.TensorBoard(update_freq="step")
    with pytest.raises(ValueError, match="embeddings_data must be provided"):
        callbacks.TensorBoard(str(tmp_path), embeddings_freq=1).set_model(make_model())
    with pytest.raises(ValueError, match="validation_data must be provided"):
        board = callbacks.TensorBoard(str(tmp_path), histogram_freq=1)
        make_model().fit(X, Y, epochs=1, verbose=0, callbacks=[board])
