'''Trains a small convolutional network on real handwritten digits.

The data are the 1,797 scanned digits (8x8 grey pixels) that come with scikit-learn: nothing is downloaded.
Without arguments: trains, saves the model, a learning curve and a diagram of the model in demo_out/.
With --evaluate: loads the saved model and checks that it still gives the accuracy that training ended with.
'''

from __future__ import print_function

import argparse
import os
import sys

import numpy as np

np.random.seed(1337)  # for reproducibility

import keras
from keras import backend as K
from keras.callbacks import LearningRateScheduler
from keras.layers import Dense, Dropout, Flatten
from keras.layers import BatchNormalization, Conv2D, MaxPooling2D
from keras.models import Sequential, load_model
from keras.utils import plot_model

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

batch_size = 32
num_classes = 10
epochs = 30
goal = 0.98

out_dir = 'demo_out'
model_path = os.path.join(out_dir, 'model.h5')
accuracy_path = os.path.join(out_dir, 'accuracy.txt')


def load_data():
    digits = load_digits()
    x = digits.images.astype('float32') / 16.0
    if K.image_data_format() == 'channels_first':
        x = x.reshape(-1, 1, 8, 8)
    else:
        x = x.reshape(-1, 8, 8, 1)
    # convert class vectors to binary class matrices
    y = keras.utils.to_categorical(digits.target, num_classes)
    return train_test_split(x, y, test_size=0.2, random_state=0, stratify=digits.target)


def build_model(input_shape):
    model = Sequential()
    model.add(Conv2D(32, (3, 3), padding='same', activation='relu', input_shape=input_shape))
    model.add(BatchNormalization())
    model.add(Conv2D(64, (3, 3), padding='same', activation='relu'))
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(Dropout(0.25))
    model.add(Flatten())
    model.add(Dense(128, activation='relu'))
    model.add(Dropout(0.5))
    model.add(Dense(num_classes, activation='softmax'))

    model.compile(loss=keras.losses.categorical_crossentropy,
                  optimizer=keras.optimizers.Adam(lr=0.001),
                  metrics=['accuracy'])
    return model


def plot_history(history, path):
    import matplotlib
    matplotlib.use('Agg')
    import matplotlib.pyplot as plt

    plt.figure(figsize=(9, 4))
    for i, (key, title) in enumerate([('acc', 'accuracy'), ('loss', 'loss')]):
        plt.subplot(1, 2, i + 1)
        plt.plot(history.history[key], label='train')
        plt.plot(history.history['val_' + key], label='held out')
        plt.xlabel('epoch')
        plt.title(title)
        plt.legend()
    plt.tight_layout()
    plt.savefig(path)


def train():
    if not os.path.isdir(out_dir):
        os.makedirs(out_dir)
    x_train, x_test, y_train, y_test = load_data()
    print(x_train.shape[0], 'train samples')
    print(x_test.shape[0], 'test samples')

    model = build_model(x_train.shape[1:])
    model.summary()
    history = model.fit(x_train, y_train,
                        batch_size=batch_size,
                        epochs=epochs,
                        verbose=1,
                        callbacks=[LearningRateScheduler(lambda epoch: 0.001 * 0.93 ** epoch)],
                        validation_data=(x_test, y_test))
    model.save(model_path)
    plot_history(history, os.path.join(out_dir, 'learning_curve.png'))
    plot_model(model, to_file=os.path.join(out_dir, 'model.png'), show_shapes=True)

    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    with open(accuracy_path, 'w') as f:
        f.write(repr(float(accuracy)))
    print('Test loss:', loss)
    print('Test accuracy:', accuracy)
    if accuracy < goal:
        sys.exit('The test accuracy is below %s.' % goal)


def evaluate():
    _, x_test, _, y_test = load_data()
    model = load_model(model_path)
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print('Loaded %s' % model_path)
    print('Test loss:', loss)
    print('Test accuracy:', accuracy)

    with open(accuracy_path) as f:
        trained = float(f.read())
    if float(accuracy) != trained:
        sys.exit('The model reached an accuracy of %r when it was saved, and %r after loading.' % (trained, accuracy))
    print('The same as when it was saved.')


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--evaluate', action='store_true', help='load the saved model and check its accuracy')
    if parser.parse_args().evaluate:
        evaluate()
    else:
        train()
