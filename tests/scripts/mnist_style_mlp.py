"""A multilayer perceptron on image-like data, as the first script of every Keras course."""
import numpy as np
import keras
from keras.layers import Dense, Dropout
from keras.models import Sequential
from keras.optimizers import RMSprop

np.random.seed(1)
num_classes = 4
centers = np.random.rand(num_classes, 64)
labels = np.random.randint(0, num_classes, 480)
images = (255 * np.clip(centers[labels] + 0.15 * np.random.randn(480, 64), 0, 1)).astype('uint8').reshape(-1, 8, 8)

x_train = images[:400].reshape(400, 64).astype('float32') / 255
x_test = images[400:].reshape(80, 64).astype('float32') / 255
y_train = keras.utils.to_categorical(labels[:400], num_classes)
y_test = keras.utils.to_categorical(labels[400:], num_classes)

model = Sequential()
model.add(Dense(32, activation='relu', input_shape=(64,)))
model.add(Dropout(0.2))
model.add(Dense(32, activation='relu'))
model.add(Dropout(0.2))
model.add(Dense(num_classes, activation='softmax'))
model.summary()
model.compile(loss='categorical_crossentropy', optimizer=RMSprop(), metrics=['accuracy'])
history = model.fit(x_train, y_train, batch_size=128, epochs=15, verbose=1, validation_data=(x_test, y_test))
score = model.evaluate(x_test, y_test, verbose=0)
print('Test loss:', score[0])
print('Test accuracy:', score[1])
assert history.history['acc'] == history.history['accuracy'] and len(history.history['val_acc']) == 15
assert score[1] > 0.9
