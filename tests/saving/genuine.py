"""Files that genuine Keras versions wrote, and what those versions computed with them."""

import json
import pathlib

import numpy as np

import kjax

FOLDER = pathlib.Path(__file__).parent.parent / 'data' / 'h5'


class Scale(kjax.layers.Layer):
    """The user's own layer in the files of kind `custom`."""

    def __init__(self, factor=1.0, **kwargs):
        self.factor = factor
        super().__init__(**kwargs)

    def build(self, shape):
        self.gain = self.add_weight(name='gain', shape=(int(shape[-1]),), initializer='ones', trainable=True)
        self.shift = self.add_weight(name='shift', shape=(int(shape[-1]),), initializer='zeros', trainable=True)
        super().build(shape)

    def call(self, x):
        return x * self.gain * self.factor + self.shift

    def compute_output_shape(self, shape):
        return shape

    def get_config(self):
        return {'factor': self.factor, **super().get_config()}


def weighted_mse(y_true, y_pred):
    return 2.0 * kjax.backend.mean(kjax.backend.square(y_pred - y_true), axis=-1)


def mean_pred(y_true, y_pred):
    return kjax.backend.mean(y_pred)


CUSTOM = {'Scale': Scale, 'weighted_mse': weighted_mse, 'mean_pred': mean_pred, 'double': lambda x: 2.0 * x}


class Genuine:
    """One file and its record."""

    def __init__(self, name):
        self.name, self.path = name, FOLDER / f'{name}.h5'
        self.record = np.load(FOLDER / f'{name}.npz')
        self.meta = json.loads(str(self.record['meta']))
        self.inputs = [self.record[f'x{i}'] for i in range(self.meta['inputs'])]
        self.targets = [self.record[k] for k in sorted(self.record.files) if k[0] == 'y' and k[1:].isdigit()]
        self.outputs = [self.record[f'p{i}'] for i in range(self.meta['outputs'])]
        self.losses = self.record['r'][:, 0] if self.meta['resume'] else None
        self.custom_objects = {n: CUSTOM[n] for n in self.meta['custom_objects']}

    def load(self, **kwargs):
        """The model, from a whole-model file or from the text and the weights."""
        if self.meta['mode'] == 'model':
            return kjax.models.load_model(self.path, custom_objects=self.custom_objects, **kwargs)
        text = str(self.record[{'weights': 'json', 'yaml': 'yaml', 'by_name': 'target'}[self.meta['mode']]])
        read = kjax.models.model_from_yaml if self.meta['mode'] == 'yaml' else kjax.models.model_from_json
        model = read(text, custom_objects=self.custom_objects)
        model.load_weights(self.path, by_name=self.meta['mode'] == 'by_name')
        return model

    def predict(self, model):
        result = model.predict(_one(self.inputs), batch_size=self.meta['batch_size'])
        return result if isinstance(result, list) else [result]

    def train(self, model):
        """The losses of five further steps."""
        model.reset_states()
        steps = [model.train_on_batch(_one(self.inputs), _one(self.targets)) for _ in range(5)]
        return [float(np.ravel(s)[0]) for s in steps]

    def tolerance(self):
        """TensorFlow 1's reference variables race with the backward pass: those records are off by up to 1 %."""
        exact = self.meta['backend'] != 'tensorflow' or self.meta['version'].startswith('2.15')
        return 1e-3 if exact else 1e-2


def _one(arrays):
    return arrays[0] if len(arrays) == 1 else arrays


NAMES = sorted(p.stem for p in FOLDER.glob('*.npz'))
