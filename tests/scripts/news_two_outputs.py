"""Two inputs (a headline, numbers about it) and two outputs, compiled and fed in list form and in dict form."""
import numpy as np
import keras
from keras.layers import LSTM, Dense, Embedding, Input
from keras.models import Model

np.random.seed(0)
headline_data = np.random.randint(1, 50, size=(48, 12))
additional_data = np.random.rand(48, 5)
labels = np.random.randint(0, 2, size=(48, 1))


def build():
    main_input = Input(shape=(12,), dtype='int32', name='main_input')
    x = Embedding(output_dim=16, input_dim=50, input_length=12)(main_input)
    lstm_out = LSTM(8)(x)
    auxiliary_output = Dense(1, activation='sigmoid', name='aux_output')(lstm_out)
    auxiliary_input = Input(shape=(5,), name='aux_input')
    x = keras.layers.concatenate([lstm_out, auxiliary_input])
    x = Dense(16, activation='relu')(x)
    main_output = Dense(1, activation='sigmoid', name='main_output')(x)
    return Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])


model = build()
start = model.get_weights()
model.compile(optimizer='rmsprop', loss='binary_crossentropy', loss_weights=[1., 0.2])
first = model.fit([headline_data, additional_data], [labels, labels], epochs=3, batch_size=16, verbose=0, shuffle=False)

model.set_weights(start)
model.compile(optimizer='rmsprop',
              loss={'main_output': 'binary_crossentropy', 'aux_output': 'binary_crossentropy'},
              loss_weights={'main_output': 1., 'aux_output': 0.2})
second = model.fit({'main_input': headline_data, 'aux_input': additional_data},
                   {'main_output': labels, 'aux_output': labels}, epochs=3, batch_size=16, verbose=0, shuffle=False)
assert list(first.history) == ['loss', 'main_output_loss', 'aux_output_loss']
np.testing.assert_allclose(first.history['loss'], second.history['loss'], rtol=1e-6)
np.testing.assert_allclose(np.array(first.history['main_output_loss']) + 0.2 * np.array(first.history['aux_output_loss']),
                           first.history['loss'], rtol=1e-5)
assert first.history['loss'][-1] < first.history['loss'][0]
a, b = model.predict([headline_data, additional_data])
assert a.shape == b.shape == (48, 1)
