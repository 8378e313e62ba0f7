# ruff: noqa
# fmt: off
"""A program for Keras 1.2 on Theano, with everything old at once."""
from __future__ import absolute_import, print_function

import numpy as np
from keras import backend as K
from keras import initializations
from keras.layers import LSTM, Convolution2D, Input, MaxPooling2D, merge
from keras.layers.convolutional import ZeroPadding2D
from keras.layers.core import Activation, Dense, Dropout, Flatten, MaxoutDense, Reshape, TimeDistributedDense
from keras.layers.normalization import BatchNormalization
from keras.models import Model
from keras.objectives import categorical_crossentropy
from keras.optimizers import SGD
from keras.regularizers import activity_l2, l1l2
from keras.utils import np_utils
from keras.utils.layer_utils import layer_from_config
from keras.utils.visualize_util import model_to_dot, plot

assert callable(plot) and callable(model_to_dot)
K.set_image_dim_ordering('th')
np.random.seed(1337)


def small(shape, name=None):
    return initializations.normal(shape, scale=0.1, name=name)


image = Input(shape=(1, 8, 8), name='image')
x = ZeroPadding2D((1, 1))(image)
x = Convolution2D(4, 3, 3, init=small, border_mode='valid', W_regularizer=l1l2(l1=1e-6, l2=1e-6))(x)
x = BatchNormalization(mode=0, axis=1)(x)
x = Activation('relu')(x)
a = MaxPooling2D(pool_size=(2, 2), strides=(2, 2))(x)
b = Convolution2D(4, 2, 2, subsample=(2, 2), bias=False)(x)
x = merge([a, b], mode='concat', concat_axis=1)
assert K.int_shape(x) == (None, 8, 4, 4)
rows = Reshape((8, 16))(x)
rows = TimeDistributedDense(6, activation='tanh')(rows)
read = LSTM(output_dim=6, inner_init='orthogonal', dropout_U=0.1, consume_less='mem')(rows)
flat = MaxoutDense(6, nb_feature=2)(Flatten()(x))
both = merge([read, flat], mode='mul')
out = Dense(3, activation='softmax', activity_regularizer=activity_l2(1e-4))(Dropout(p=0.1)(both))
model = Model(input=image, output=out)

labels = np.random.randint(3, size=90)
images = np.random.normal(size=(3, 1, 8, 8))[labels] + np.random.normal(0, 0.3, (90, 1, 8, 8))
targets = np_utils.to_categorical(labels, nb_classes=3)


def loss(y_true, y_pred):
    return K.mean(categorical_crossentropy(y_true, y_pred))


model.compile(loss=loss, optimizer=SGD(lr=0.1, momentum=0.9, nesterov=True), metrics=['accuracy', 'fmeasure'])


def batches():
    while True:
        yield images[:30], targets[:30]
        yield images[30:60], targets[30:60]


history = model.fit_generator(
    batches(), samples_per_epoch=2, nb_epoch=15, verbose=2, validation_data=batches(), nb_val_samples=2)
model.fit(images, targets, nb_epoch=5, batch_size=30, verbose=0)
print(sorted(history.history))
assert model.evaluate(images, targets, verbose=0)[1] > 0.8
assert model.predict_on_batch(images[:2]).shape == (2, 3)
assert layer_from_config({'class_name': 'Dense', 'config': model.layers[-1].get_config()}).units == 3
