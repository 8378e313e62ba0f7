"""Programs in session style: the same text runs on genuine TensorFlow with Keras 2.2.4 and on kjax.

`python session_programs.py OUT.npz` records what genuine gives, where `import tf1boot` (or another module that makes
TensorFlow 2.15 behave as TensorFlow 1) comes first; see CONTRIBUTING.md.
"""

import os
import sys
import tempfile

import numpy as np

PROGRAMS = {}
X = np.random.RandomState(0).randn(6, 3).astype('f4')
Y = np.random.RandomState(1).randn(6, 2).astype('f4')
W = np.random.RandomState(2).randn(3, 2).astype('f4')


def program(fn):
    PROGRAMS[fn.__name__] = fn
    return fn


@program
def assignments(tf, keras, K):
    a, b = tf.Variable(1.0, name='a'), tf.Variable([2.0, 3.0], name='b')
    n = tf.Variable(3, trainable=False, name='n')
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        yield 'first', sess.run([a, b, n])
        yield 'assign', sess.run(tf.assign(b, b * 2))
        add = tf.assign_add(n, 2)
        yield 'twice', [sess.run(add), sess.run(add), sess.run(tf.assign_sub(n, 1)), n.eval(), sess.run(n)]
        sess.run(a.assign(b[0] + 1))
        yield 'method', a.eval(session=sess)
        sess.run([a.assign_add(1.0), b.assign_sub([1.0, 1.0])])
        yield 'methods', sess.run([a, b])
        a.load(9.0, sess)
        yield 'load', sess.run(a)
        sess.run(a.initializer)
        yield 'again', sess.run([a, b])
        sess.run(tf.variables_initializer([b]))
        yield 'b again', sess.run({'a': a, 'b': (b, [n])})['b']


@program
def order(tf, keras, K):
    a, b = tf.Variable(1.0, name='a'), tf.Variable(2.0, name='b')
    outside = a * 100.0
    step = tf.assign(a, 5.0)
    with tf.control_dependencies([step]):
        seen = a.read_value() * 10.0
        second = tf.assign(b, outside + 1.0)
        with tf.control_dependencies([second]):
            third = b.read_value() + 0.5
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        yield 'outside', sess.run(outside)
        yield 'seen', [sess.run(seen), sess.run(a)]
        sess.run(tf.global_variables_initializer())
        yield 'third', [sess.run(third), *sess.run([a, b])]
        both = tf.group(tf.assign_add(a, 1.0), tf.assign_add(b, 1.0))
        yield 'group', [x is None for x in [sess.run(both), both.run(), sess.run(tf.no_op())]]
        yield 'after', sess.run([a, b])
        with tf.control_dependencies([both]):
            done = tf.no_op()
        sess.run(done)
        yield 'no_op', sess.run([a, b])


@program
def feeds(tf, keras, K):
    x = K.placeholder((None, 3), name='x')
    hidden = x * 2.0
    y = K.sum(hidden, axis=1) + 1.0
    given = tf.placeholder_with_default(np.array([[1.0, 2.0]], 'f4'), [None, 2])
    drop = keras.layers.Dropout(0.5)(x)
    with tf.Session() as sess:
        yield 'fed', sess.run(y, {x: X})
        yield 'name', sess.run('x:0', feed_dict={'x:0': X[:2]})
        yield 'between', sess.run([y, hidden], {hidden: X})
        yield 'default', [sess.run(given * 3.0), sess.run(given * 3.0, {given: X[:, :2]})]
        yield 'test phase', sess.run(drop, {x: X, K.learning_phase(): 0})
        yield 'training', sess.run(drop, {x: X + 10.0, K.learning_phase(): 1}).min() == 0
        yield 'unfed', _error(tf.errors.InvalidArgumentError, lambda: sess.run(y))
        yield 'shape', _error(ValueError, lambda: sess.run(y, {x: X[:, :2]}))
        yield 'kind', _error(TypeError, lambda: sess.run(object()))
    yield 'closed', _error(RuntimeError, lambda: sess.run(y, {x: X}))


def _error(kind, call):
    try:
        call()
    except kind:
        return True
    return False


OPTIMIZERS = {
    'descent': lambda tf: tf.train.GradientDescentOptimizer(0.1),
    'momentum': lambda tf: tf.train.MomentumOptimizer(0.1, 0.9),
    'nesterov': lambda tf: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True),
    'adam': lambda tf: tf.train.AdamOptimizer(0.05),
    'rmsprop': lambda tf: tf.train.RMSPropOptimizer(0.01, momentum=0.5),
    'centered': lambda tf: tf.train.RMSPropOptimizer(0.01, decay=0.8, centered=True),
    'adagrad': lambda tf: tf.train.AdagradOptimizer(0.1),
    'adadelta': lambda tf: tf.train.AdadeltaOptimizer(1.0),
}


@program
def optimizers(tf, keras, K):
    for name, make in OPTIMIZERS.items():
        x, y = K.placeholder((None, 3)), K.placeholder((None, 2))
        w, b = tf.Variable(W, name='w'), tf.Variable(np.zeros(2, 'f4'), name='b')
        count = tf.Variable(0, trainable=False)
        loss = K.mean(K.square(K.dot(x, w) + b - y))
        optimizer = make(tf)
        step = optimizer.minimize(loss, global_step=count, var_list=[w, b])
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            losses = [sess.run([step, loss], {x: X, y: Y})[1] for _ in range(4)]
            yield name, [losses[0], *sess.run([w, b, count])]
            yield f'{name} slots', sorted(optimizer.get_slot_names())
            for slot in optimizer.get_slot_names():
                yield f'{name} {slot}', sess.run(optimizer.get_slot(w, slot))


@program
def clipped_and_decayed(tf, keras, K):
    x, y = K.placeholder((None, 3)), K.placeholder((None, 2))
    w, unused = tf.Variable(W, name='w'), tf.Variable(1.0, name='unused')
    count = tf.Variable(0, trainable=False)
    rate = tf.train.exponential_decay(0.5, count, 2, 0.5, staircase=True)
    loss = K.mean(K.square(K.dot(x, w) - y))
    optimizer = tf.train.GradientDescentOptimizer(rate)
    pairs = optimizer.compute_gradients(loss, [w, unused])
    yield 'none', [g is None for g, _ in pairs]
    step = optimizer.apply_gradients([(K.clip(g, -0.1, 0.1), v) for g, v in pairs if g is not None], global_step=count)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for _ in range(5):
            sess.run(step, {x: X, y: Y})
        yield 'values', sess.run([w, count, rate])
        for at in (0, 3, 10, 25):
            count.load(at, sess)
            yield (
                f'rates at {at}',
                sess.run(
                    [
                        tf.train.exponential_decay(0.5, count, 4, 0.9),
                        tf.train.natural_exp_decay(0.5, count, 4, 0.3),
                        tf.train.inverse_time_decay(0.5, count, 4, 0.3, staircase=True),
                        tf.train.polynomial_decay(0.5, count, 20, 0.01, power=2.0),
                        tf.train.polynomial_decay(0.5, count, 20, 0.01, cycle=True),
                        tf.train.cosine_decay(0.5, count, 20, alpha=0.1),
                        tf.train.piecewise_constant(count, [3, 10], [1.0, 0.5, 0.1]),
                    ]
                ),
            )


@program
def averages(tf, keras, K):
    v = tf.Variable([1.0, 2.0], name='v')
    average = tf.train.ExponentialMovingAverage(0.5)
    move = average.apply([v])
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        sess.run(v.assign([3.0, 0.0]))
        sess.run(move)
        yield 'value', sess.run(average.average(v))
        yield 'name', [average.average_name(v), average.average(v).name]


@program
def scopes(tf, keras, K):
    names = []
    with tf.variable_scope('outer'):
        a = tf.get_variable('a', [2], initializer=tf.zeros_initializer())
        with tf.variable_scope('inner') as inner:
            b = tf.get_variable('b', initializer=np.ones(3, 'f4'), trainable=False)
            c = tf.Variable(0.0, name='c')
        names += [a.name, b.name, c.name, inner.name]
    with tf.variable_scope('outer', reuse=True):
        yield 'same', tf.get_variable('a', [2]) is a
    with tf.variable_scope('outer', reuse=tf.AUTO_REUSE):
        names += [tf.get_variable('a', [2]).name, tf.get_variable('new', [1]).name]
    with tf.variable_scope(inner, reuse=True):
        yield 'entered', tf.get_variable('b') is b

    def twice():
        with tf.variable_scope('outer'):
            tf.get_variable('a', [2])

    def missing():
        with tf.variable_scope('outer', reuse=True):
            tf.get_variable('nothing', [2])

    yield 'errors', [_error(ValueError, twice), _error(ValueError, missing)]
    yield 'names', names
    yield 'global', [v.name for v in tf.global_variables()]
    yield 'trainable', [v.name for v in tf.trainable_variables('outer')]
    tf.add_to_collection('mine', 3)
    yield 'collection', tf.get_collection('mine') + tf.get_collection('none')
    yield 'known', [v.name for v in tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)]


@program
def graphs(tf, keras, K):
    v = tf.Variable(1.0, name='v')
    names = [v.name, keras.layers.Dense(1).name]
    with tf.Graph().as_default() as graph:
        u = tf.Variable(2.0, name='v')
        names += [u.name, keras.layers.Dense(1).name, str(len(tf.global_variables()))]
        yield 'default', [tf.get_default_graph() is graph, v.graph is u.graph]
    names += [keras.layers.Dense(1).name, str(len(tf.global_variables()))]
    yield 'names', names
    yield 'found', tf.get_default_graph().get_tensor_by_name('v:0').name
    yield 'missing', _error(KeyError, lambda: tf.get_default_graph().get_tensor_by_name('nothing:0'))
    yield 'sessions', [tf.get_default_session() is None, K.get_session() is K.get_session()]
    with tf.Session() as sess:
        yield 'with', [tf.get_default_session() is sess, K.get_session() is sess]
    other = tf.Session()
    K.set_session(other)
    yield 'set', K.get_session() is other


@program
def keras_model(tf, keras, K):
    """A model of Keras, trained by an optimizer of TensorFlow in a session."""
    model = keras.models.Sequential(
        [
            keras.layers.Dense(4, activation='tanh', input_shape=(3,), name='first'),
            keras.layers.BatchNormalization(name='norm'),
            keras.layers.Dropout(0.5, name='drop'),
            keras.layers.Dense(2, name='last'),
        ]
    )
    state = np.random.RandomState(3)
    labels = K.placeholder((None, 2))
    loss = K.mean(K.square(model.output - labels))
    step = tf.train.GradientDescentOptimizer(0.1).minimize(loss, var_list=model.trainable_weights)
    sess = K.get_session()
    sess.run(tf.global_variables_initializer())
    model.set_weights([np.abs(state.randn(*w.shape)).astype('f4') for w in model.get_weights()])
    feed = {model.input: X, labels: Y, K.learning_phase(): 0}
    for _ in range(3):
        sess.run(step, feed)
    yield 'weights', model.get_weights()
    yield 'loss', sess.run(loss, feed)
    yield 'predict', model.predict(X)
    before = model.get_weights()
    sess.run(model.updates, {model.input: X, K.learning_phase(): 1})
    # how far is the layer's affair: genuine corrects the first steps' bias
    yield 'moved', [(w != v).any() for w, v in zip(model.get_weights(), before, strict=True)]
    yield 'eval', model.layers[0].kernel.eval(session=sess)
    yield 'names', [v.name for v in model.weights]


@program
def compiled_with(tf, keras, K):
    """`model.compile` with an optimizer of TensorFlow."""
    for name in ('adam', 'momentum', 'decayed'):
        K.clear_session()
        model = keras.models.Sequential([keras.layers.Dense(2, input_shape=(3,))])
        if name == 'decayed':
            count = tf.Variable(4, trainable=False)
            optimizer = tf.train.GradientDescentOptimizer(tf.train.exponential_decay(0.5, count, 4, 0.5))
        else:
            optimizer = OPTIMIZERS[name](tf)
        model.compile(optimizer if name != 'momentum' else keras.optimizers.TFOptimizer(optimizer), 'mse')
        K.get_session().run(tf.global_variables_initializer())
        model.set_weights([W, np.zeros(2, 'f4')])
        model.fit(X, Y, batch_size=3, epochs=2, shuffle=False, verbose=0)
        yield name, model.get_weights()
        yield f'{name} kind', type(model.optimizer).__name__


@program
def saver(tf, keras, K):
    a, b = tf.Variable(W, name='a'), tf.Variable(7, name='b')
    with tempfile.TemporaryDirectory() as folder, tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        saving = tf.train.Saver(max_to_keep=2)
        paths = [saving.save(sess, os.path.join(folder, 'm.ckpt'), global_step=i) for i in (1, 2, 3)]
        yield 'paths', [os.path.basename(p) for p in paths]
        yield 'kept', [tf.train.checkpoint_exists(p) for p in paths]
        yield 'latest', os.path.basename(tf.train.latest_checkpoint(folder))
        yield 'list', [f'{name} {list(shape)}' for name, shape in tf.train.list_variables(paths[-1])]
        yield 'variable', tf.train.load_variable(folder, 'a')
        a.load(np.zeros((3, 2), 'f4'), sess)
        saving.restore(sess, paths[-1])
        yield 'restored', sess.run([a, b])
        tf.train.Saver({'b': b}).restore(sess, paths[1])
        other = tf.train.Saver({'other': b})
        yield 'missing', _error(tf.errors.NotFoundError, lambda: other.restore(sess, paths[1]))
        yield 'nowhere', _error(ValueError, lambda: saving.restore(sess, os.path.join(folder, 'no')))
        state = tf.train.get_checkpoint_state(folder)
        yield 'state', [os.path.basename(p) for p in [state.model_checkpoint_path, *state.all_model_checkpoint_paths]]


@program
def summaries(tf, keras, K):
    x = K.placeholder((None,))
    tf.summary.scalar('average', K.mean(x))
    merged = tf.summary.merge_all()
    with tempfile.TemporaryDirectory() as folder, tf.Session() as sess:
        with tf.summary.FileWriter(folder) as writer:
            writer.add_summary(sess.run(merged, {x: np.array([1.0, 3.0])}), 5)
            writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag='own', simple_value=0.5)]), 6)
            writer.flush()
            yield 'files', len(os.listdir(folder))
            yield 'read', _scalars(folder)


def _scalars(folder):
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    found = []
    for name in os.listdir(folder):
        for event in EventFileLoader(os.path.join(folder, name)).Load():
            for v in event.summary.value:
                found.append(
                    f'{v.tag} {event.step} {v.tensor.float_val[0] if v.HasField("tensor") else v.simple_value}'
                )
    return found


def results(name, tf, keras, K):
    """What a program gives: key -> array."""
    K.clear_session()
    found = {}
    for key, value in PROGRAMS[name](tf, keras, K):
        for path, leaf in _leaves(value):
            found[f'{name}|{key}{path}'] = np.asarray(leaf)
    return found


def _leaves(value, path=''):
    if isinstance(value, (list, tuple)):
        for i, v in enumerate(value):
            yield from _leaves(v, f'{path}[{i}]')
    else:
        yield path, value


if __name__ == '__main__':
    import keras
    import tensorflow as tf
    import tf1boot  # noqa: F401
    from keras import backend as K

    recorded = {}
    for name in PROGRAMS:
        recorded.update(results(name, tf, keras, K))
    np.savez_compressed(sys.argv[1], **recorded)
    for key, value in recorded.items():
        print(key, value.dtype, value.shape, str(value).replace('\n', ' ')[:70])
