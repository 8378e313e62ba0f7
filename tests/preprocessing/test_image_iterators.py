"""ImageDataGenerator and its iterators: options, folders, tables, subsets, saving, threads, copies, wrong input."""

import pickle
import threading

import numpy as np
import pandas
import pytest
from PIL import Image

from kjax.preprocessing.image import DirectoryIterator, ImageDataGenerator, Iterator, NumpyArrayIterator, load_img

X = (np.random.RandomState(0).rand(11, 8, 6, 3) * 255).astype("float32")
Y = np.arange(11) % 3
EVERYTHING = dict(
    rotation_range=20,
    width_shift_range=0.2,
    height_shift_range=1.5,
    shear_range=10,
    zoom_range=0.2,
    channel_shift_range=20.0,
    horizontal_flip=True,
    vertical_flip=True,
    brightness_range=(0.5, 1.5),
    rescale=1 / 255,
    samplewise_center=True,
    samplewise_std_normalization=True,
)


class OneByOne(ImageDataGenerator):
    """Overrides a step, so that images are handled one at a time."""

    def standardize(self, x):
        return super().standardize(x)


@pytest.mark.parametrize("left_out", [None, *EVERYTHING])
@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_batches_equal_single_images(left_out, data_format):
    options = {k: v for k, v in EVERYTHING.items() if k != left_out}
    if left_out == "samplewise_center":
        del options["samplewise_std_normalization"]
    x = X if data_format == "channels_last" else X.transpose(0, 3, 1, 2)
    got, want = (
        [next(kind(data_format=data_format, **options).flow(x, Y, batch_size=4, seed=2)) for _ in range(1)]
        for kind in (ImageDataGenerator, OneByOne)
    )
    np.testing.assert_array_equal(got[0][1], want[0][1])
    np.testing.assert_allclose(got[0][0], want[0][0], rtol=1e-5, atol=1e-5 * np.abs(want[0][0]).max())


def test_the_same_numbers_are_drawn_after_a_batch():
    after = []
    for kind in (ImageDataGenerator, OneByOne):
        np.random.seed(7)
        next(kind(**EVERYTHING).flow(X, batch_size=5, shuffle=False))
        after.append(np.random.rand())
    assert after[0] == after[1]


def test_a_users_function_sees_every_image_in_turn():
    seen = []

    def note(x):
        seen.append(x.shape)
        return x + np.random.rand()

    batch = next(ImageDataGenerator(preprocessing_function=note, rotation_range=5).flow(X, batch_size=4))
    assert batch.shape == (4, 8, 6, 3) and seen == [(8, 6, 3)] * 4


def test_whole_pixel_shifts_and_lists():
    for limits in (3, [-2, 0, 2]):
        generator = ImageDataGenerator(width_shift_range=limits, height_shift_range=limits)
        draws = [generator.get_random_transform((8, 6, 3), seed=s) for s in range(20)]
        assert {int(d["tx"]) for d in draws} <= {-2, -1, 0, 1, 2} and len({int(d["ty"]) for d in draws}) > 1
        assert next(generator.flow(X, batch_size=3)).shape == (3, 8, 6, 3)


def test_epochs_cover_everything_once():
    iterator = ImageDataGenerator().flow(X, np.arange(11), batch_size=4, seed=1)
    assert len(iterator) == 3
    for _ in range(2):
        assert sorted(np.concatenate([next(iterator)[1] for _ in range(3)])) == list(range(11))
    by_index = [iterator[i][1] for i in range(3)]
    assert sorted(np.concatenate(by_index)) == list(range(11))
    iterator.on_epoch_end()
    with pytest.raises(
        ValueError, match="Asked to retrieve element 3, but the Sequence NumpyArrayIterator has length 3"
    ):
        iterator[3]


def test_integer_data_stay_as_they_are_until_used():
    small = X.astype("uint8")
    iterator = ImageDataGenerator(rescale=0.5).flow(small, batch_size=4, shuffle=False)
    assert iterator.x.dtype == np.uint8
    np.testing.assert_allclose(next(iterator), small[:4] * np.float32(0.5))
    np.testing.assert_array_equal(iterator.x, small)


def test_further_inputs_targets_and_weights():
    iterator = ImageDataGenerator().flow((X, [Y, Y * 2]), Y, sample_weight=Y + 0.5, batch_size=3, shuffle=False)
    (images, *others), y, weights = next(iterator)
    assert images.shape == (3, 8, 6, 3)
    for got, want in zip((*others, y, weights), (Y, Y * 2, Y, Y + 0.5), strict=True):
        np.testing.assert_array_equal(got, want[:3])


def test_subsets():
    generator = ImageDataGenerator(validation_split=0.4)
    y = np.arange(11) % 2
    train = generator.flow(X, y, sample_weight=np.arange(11), subset="training", shuffle=False)
    valid = generator.flow(X, y, sample_weight=np.arange(11), subset="validation", shuffle=False)
    assert (train.n, valid.n) == (7, 4)
    assert next(valid)[2].tolist() == [0, 1, 2, 3] and next(train)[2].tolist() == [4, 5, 6, 7, 8, 9, 10]
    with pytest.raises(ValueError, match="subset must be 'training' or 'validation', received 'test'"):
        generator.flow(X, y, subset="test")
    with pytest.raises(ValueError, match="different classes"):
        generator.flow(X, np.arange(11), subset="training")


def test_fit_on_augmented_data():
    generator = ImageDataGenerator(featurewise_center=True, featurewise_std_normalization=True, rotation_range=10)
    generator.fit(X, augment=True, rounds=2, seed=3)
    assert generator.mean.shape == (1, 1, 3) and generator.std.shape == (1, 1, 3)
    first = ImageDataGenerator(featurewise_center=True, data_format="channels_first")
    first.fit(X.transpose(0, 3, 1, 2))
    assert first.mean.shape == (3, 1, 1)


def test_settings_that_imply_others_are_said():
    for given, implied in [
        ("zca_whitening", "featurewise_center"),
        ("featurewise_std_normalization", "featurewise_center"),
        ("samplewise_std_normalization", "samplewise_center"),
    ]:
        with pytest.warns(UserWarning, match=f"specifies `{given}`,? which overrides setting of `{implied}`"):
            assert getattr(ImageDataGenerator(**{given: True}), implied)
    with pytest.warns(UserWarning, match="it hasn't been fit on any training data"):
        next(ImageDataGenerator(featurewise_center=True).flow(X))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (dict(zoom_range=[1, 2, 3]), "zoom_range must be a number or two numbers"),
        (dict(brightness_range=3), "brightness_range must be two numbers or None, received 3"),
        (dict(validation_split=1.5), "validation_split must lie between 0 and 1, received 1.5"),
        (dict(data_format="th"), "data_format must be one of"),
    ],
)
def test_wrong_settings(arguments, message):
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator(**arguments)


@pytest.mark.parametrize(
    ("x", "arguments", "message"),
    [
        (X[0], {}, r"x must have rank 4, received shape \(8, 6, 3\)"),
        (X, dict(y=Y[:5]), "x and y must be equally long"),
        (X, dict(sample_weight=Y[:5]), "x and sample_weight must be equally long"),
        (X, dict(batch_size=0), "batch_size must be at least 1"),
    ],
)
def test_wrong_arrays(x, arguments, message):
    with pytest.raises(ValueError, match=message):
        ImageDataGenerator().flow(x, **arguments)


def test_odd_channels_are_said():
    with pytest.warns(UserWarning, match=r"expected either 1, 3, or 4 channels on axis 3.*\(2 channels\)"):
        NumpyArrayIterator(np.zeros((2, 4, 4, 2)), None, ImageDataGenerator())
    with pytest.raises(ValueError, match="rank 4"):
        ImageDataGenerator().fit(X[0])


def test_no_samples():
    with pytest.raises(ValueError, match="NumpyArrayIterator has no samples"):
        next(ImageDataGenerator().flow(X[:0]))


def test_own_iterators():
    class Squares(Iterator):
        def _get_batches_of_transformed_samples(self, index_array):
            return index_array**2

    assert next(Squares(5, 3, False, None)).tolist() == [0, 1, 4]
    with pytest.raises(NotImplementedError, match="Iterator needs _get_batches_of_transformed_samples"):
        next(Iterator(5, 3, False, None))


def test_many_threads_get_every_sample_once():
    iterator = ImageDataGenerator(rotation_range=10).flow(np.repeat(X, 10, axis=0), np.arange(110), batch_size=5)
    got = []

    def take():
        for _ in range(11):
            got.append(next(iterator)[1])

    threads = [threading.Thread(target=take) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(np.concatenate(got)) == list(range(110))


def test_iterators_go_to_other_processes():
    iterator = ImageDataGenerator(rescale=0.5).flow(X, Y, batch_size=4, shuffle=False)
    next(iterator)
    copy = pickle.loads(pickle.dumps(iterator))
    np.testing.assert_array_equal(next(copy)[0], X[:4] * 0.5)  # a copy begins its own epoch


@pytest.fixture
def folder(tmp_path):
    """Two classes with images of different sizes and modes, an empty class, and files that are none."""
    rng = np.random.RandomState(0)
    for number, name in enumerate(("cats", "dogs")):
        (tmp_path / name / "more").mkdir(parents=True)
        for i in range(4):
            pixels = rng.randint(0, 256, (6 + i, 9 - i, 3)).astype("uint8")
            picture = Image.fromarray(pixels).convert(["RGB", "L", "P", "RGBA"][i])
            picture.save(tmp_path / name / ("more" if i == number else "") / f"{i}.png")
        (tmp_path / name / "notes.txt").write_text("no image")
    (tmp_path / "emus").mkdir()
    (tmp_path / "readme.png").write_bytes(b"")
    return tmp_path


def test_folders(folder, capsys):
    iterator = ImageDataGenerator(validation_split=0.5).flow_from_directory(
        str(folder), target_size=(5, 4), batch_size=8
    )
    assert "Found 8 images belonging to 3 classes." in capsys.readouterr().out
    assert iterator.class_indices == {"cats": 0, "dogs": 1, "emus": 2}
    assert iterator.filenames[:4] == ["cats/1.png", "cats/2.png", "cats/3.png", "cats/more/0.png"]
    x, y = next(iterator)
    assert x.shape == (8, 5, 4, 3) and y.shape == (8, 3) and y.sum() == 8


@pytest.mark.parametrize(
    ("class_mode", "shape"),
    [("categorical", (3, 2)), ("binary", (3,)), ("sparse", (3,)), ("input", (3, 5, 4, 1)), (None, None)],
)
def test_class_modes(folder, class_mode, shape):
    iterator = ImageDataGenerator().flow_from_directory(
        folder,
        target_size=(5, 4),
        color_mode="grayscale",
        class_mode=class_mode,
        classes=["dogs", "cats"],
        batch_size=3,
        shuffle=False,
    )
    batch = next(iterator)
    assert (batch if shape is None else batch[0]).shape == (3, 5, 4, 1)
    if shape is not None:
        assert batch[1].shape == shape
    assert iterator.class_indices == {"dogs": 0, "cats": 1}


def test_folder_subsets_and_dtype(folder):
    generator = ImageDataGenerator(validation_split=0.5, dtype="float64")
    names = [set(generator.flow_from_directory(folder, subset=s).filenames) for s in ("training", "validation")]
    assert len(names[0]) == len(names[1]) == 4 and not names[0] & names[1]
    assert generator.flow_from_directory(folder, target_size=(4, 4)).next()[0].dtype == np.float64


def test_no_generator_gives_the_images_as_they_are(folder):
    iterator = DirectoryIterator(str(folder), None, target_size=(5, 4), class_mode=None, batch_size=2, shuffle=False)
    np.testing.assert_array_equal(next(iterator)[0], load_img(iterator.filepaths[0], target_size=(5, 4)))


def test_wrong_folders(folder, tmp_path):
    generator = ImageDataGenerator()
    with pytest.raises(FileNotFoundError):
        generator.flow_from_directory(folder / "nowhere")
    empty = generator.flow_from_directory(folder / "emus")
    assert (empty.samples, empty.num_classes, len(empty)) == (0, 0, 0)
    with pytest.raises(ValueError, match="DirectoryIterator has no samples in .*emus"):
        next(empty)
    with pytest.warns(UserWarning, match=r"no folder for the classes \['cows'\]"):
        generator.flow_from_directory(folder, classes=["cats", "cows"])
    for arguments, message in [
        (dict(class_mode="many"), "class_mode must be one of"),
        (dict(color_mode="bgr"), "color_mode must be one of"),
        (dict(target_size=5), r"target_size must be \(height, width\), received 5"),
        (dict(subset="all"), "subset must be"),
    ]:
        with pytest.raises(ValueError, match=message):
            generator.flow_from_directory(folder, **arguments)


def test_a_bad_file_is_named_when_its_batch_is_made(folder):
    (folder / "cats" / "bad.jpg").write_bytes(b"\xff\xd8 no more")
    iterator = ImageDataGenerator().flow_from_directory(folder, batch_size=20)
    with pytest.raises(OSError, match=r"cats/bad\.jpg: cannot be read as an image"):
        next(iterator)


def test_saving_what_was_made(folder, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    for made in (
        ImageDataGenerator().flow(X, batch_size=4, save_to_dir=str(out), save_prefix="a", save_format="jpeg"),
        ImageDataGenerator().flow_from_directory(folder, batch_size=4, save_to_dir=str(out), save_prefix="a"),
    ):
        next(made)
    names = sorted(p.name for p in out.iterdir())
    assert len(names) == 8 and all(n.startswith("a_") for n in names)
    assert {n.rsplit(".")[-1] for n in names} == {"jpeg", "png"}


@pytest.fixture
def table(folder):
    names = ["cats/1.png", "cats/2.png", "cats/3.png", "dogs/0.png", "dogs/2.png", "dogs/9.png", "dogs/notes.txt"]
    return pandas.DataFrame(
        {
            "filename": names,
            "class": ["cat", "cat", "cat", "dog", "dog", "dog", "dog"],
            "tags": [["a", "b"], ["a"], ["b"], ["c"], ["a"], ["a"], ["c"]],
            "size": np.arange(7.0),
            "age": np.arange(7) * 2,
        }
    )


def flow_from(table, folder, **arguments):
    with pytest.warns(UserWarning, match=r"Found 2 invalid image filename\(s\) .*'dogs/9.png'"):
        return ImageDataGenerator().flow_from_dataframe(
            table, str(folder), target_size=(5, 4), batch_size=5, shuffle=False, **arguments
        )


def test_tables(folder, table, capsys):
    iterator = flow_from(table, folder)
    assert "Found 5 validated image filenames belonging to 2 classes." in capsys.readouterr().out
    x, y = next(iterator)
    assert x.shape == (5, 5, 4, 3)
    assert y.argmax(axis=1).tolist() == [0, 0, 0, 1, 1]
    assert list(table.columns) == ["filename", "class", "tags", "size", "age"]


def test_table_targets(folder, table):
    assert next(flow_from(table, folder, class_mode="sparse"))[1].tolist() == [0, 0, 0, 1, 1]
    assert next(flow_from(table, folder, y_col="tags"))[1].tolist() == [
        [1, 1, 0],
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
        [1, 0, 0],
    ]
    cut = next(flow_from(table, folder, y_col="tags", classes=["c", "a"]))[1]
    assert cut.tolist() == [[1, 0], [1, 0], [0, 1], [1, 0]]
    raw = next(flow_from(table, folder, y_col=["size", "age"], class_mode="raw", weight_col="size"))
    assert raw[1].tolist() == [[0, 0], [1, 2], [2, 4], [3, 6], [4, 8]] and raw[2].tolist() == [0, 1, 2, 3, 4]
    many = next(flow_from(table, folder, y_col=["size", "age"], class_mode="multi_output"))[1]
    assert [m.tolist() for m in many] == [[0, 1, 2, 3, 4], [0, 2, 4, 6, 8]]
    assert next(flow_from(table, folder, class_mode=None)).shape == (5, 5, 4, 3)
    with pytest.warns(UserWarning, match="deprecated, please use `class_mode=\"raw\"`"):
        flow_from(table, folder, y_col="size", class_mode="other")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (dict(class_mode="many"), ValueError, "class_mode must be one of"),
        (dict(y_col="nothing"), ValueError, r"no column \['nothing'\]"),
        (dict(x_col="size"), TypeError, "all values in column x_col='size' must be strings"),
        (dict(y_col="size", class_mode="sparse"), TypeError, "needs strings in column y_col='size'"),
        (dict(y_col="size"), TypeError, "needs strings or lists in column y_col='size'"),
        (dict(class_mode="binary", classes=["cat"]), ValueError, "needs 2 classes, received 1"),
        (dict(weight_col="class"), TypeError, "weight_col='class' must be numeric"),
        (dict(y_col="size", class_mode="multi_output"), TypeError, "needs a list of columns"),
        (dict(colour="red"), TypeError, r"unknown arguments \['colour'\]"),
    ],
)
def test_wrong_tables(folder, table, arguments, error, message):
    with pytest.raises(error, match=message):
        ImageDataGenerator().flow_from_dataframe(table, str(folder), **arguments)


def test_table_of_missing_files(folder, table):
    table["filename"] = "nowhere.png"
    with pytest.warns(UserWarning, match="7 invalid image filename"):
        iterator = ImageDataGenerator().flow_from_dataframe(table, str(folder))
    with pytest.raises(ValueError, match="DataFrameIterator has no samples"):
        next(iterator)
    unchecked = ImageDataGenerator().flow_from_dataframe(table, str(folder), validate_filenames=False)
    with pytest.raises(FileNotFoundError, match=r"nowhere\.png"):
        next(unchecked)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"rotation_range": "a"}, TypeError, "rotation_range must be a number, received 'a'"),
        ({"rescale": "1/255"}, TypeError, "rescale must be a number, received '1/255'"),
        ({"width_shift_range": "a"}, TypeError, "width_shift_range must be a number or a list of them, received 'a'"),
        ({"preprocessing_function": 3}, TypeError, "preprocessing_function must be callable, received 3"),
        ({"interpolation_order": 9}, ValueError, "interpolation_order must be 0 to 5, received 9"),
        ({"dtype": "nope"}, TypeError, "dtype must be a NumPy type, received 'nope'"),
    ],
)
def test_settings_of_another_kind_are_refused_at_once(settings, error, message):
    with pytest.raises(error, match=f"ImageDataGenerator: {message}"):
        ImageDataGenerator(**settings)


def test_a_table_must_be_one():
    with pytest.raises(TypeError, match=r"dataframe must be a pandas DataFrame, received \[1, 2\]"):
        ImageDataGenerator().flow_from_dataframe([1, 2])


def test_an_unreadable_image_in_a_folder_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "cut.png").write_bytes(b"no picture")
    batches = ImageDataGenerator().flow_from_directory(str(tmp_path))
    with pytest.raises(OSError, match=r"load_img: .*cut.png: cannot be read as an image: cannot identify image file$"):
        next(batches)


def test_a_class_folder_without_images_is_a_class(tmp_path, capsys):
    for name in ("cats", "dogs"):
        (tmp_path / name).mkdir()
    Image.fromarray(np.zeros((6, 5, 3), "uint8")).save(tmp_path / "cats" / "1.png")
    iterator = ImageDataGenerator().flow_from_directory(tmp_path, target_size=(4, 4))
    assert "Found 1 images belonging to 2 classes." in capsys.readouterr().out
    x, y = next(iterator)
    assert iterator.class_indices == {"cats": 0, "dogs": 1}
    assert x.shape == (1, 4, 4, 3) and y.tolist() == [[1.0, 0.0]]
