# ruff: noqa
# fmt: off
"""A multi-layer perceptron on images of digits, as thousands of tutorials have it."""
from __future__ import print_function

import keras
import numpy as np
from keras.layers import Dense, Dropout
from keras.models import Sequential
from keras.optimizers import RMSprop

batch_size, num_classes, epochs = 32, 4, 6

rng = np.random.RandomState(0)
prototypes = rng.uniform(0, 255, (num_classes, 8, 8))
y_all = rng.randint(num_classes, size=240)
x_all = np.clip(prototypes[y_all] + rng.normal(0, 40, (240, 8, 8)), 0, 255).astype('uint8')
(x_train, y_train), (x_test, y_test) = (x_all[:200], y_all[:200]), (x_all[200:], y_all[200:])

x_train = x_train.reshape(200, 64).astype('float32') / 255
x_test = x_test.reshape(40, 64).astype('float32') / 255
y_train = keras.utils.to_categorical(y_train, num_classes)
y_test = keras.utils.to_categorical(y_test, num_classes)

model = Sequential()
model.add(Dense(32, activation='relu', input_shape=(64,)))
model.add(Dropout(0.2))
model.add(Dense(32, activation='relu'))
model.add(Dropout(0.2))
model.add(Dense(num_classes, activation='softmax'))
model.summary()
model.compile(loss='categorical_crossentropy', optimizer=RMSprop(), metrics=['accuracy'])
history = model.fit(x_train, y_train, batch_size=batch_size, epochs=epochs, verbose=1, validation_data=(x_test, y_test))
score = model.evaluate(x_test, y_test, verbose=0)
print('Test loss:', score[0])
print('Test accuracy:', score[1])
assert score[1] > 0.9 and sorted(history.history) == ['acc', 'loss', 'val_acc', 'val_loss']
