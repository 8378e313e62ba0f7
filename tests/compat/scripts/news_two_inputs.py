# ruff: noqa
# fmt: off
"""Two inputs, two outputs: headlines read by an LSTM, with an auxiliary loss; in list and in dict form."""
import numpy as np
from keras.layers import LSTM, Dense, Embedding, Input, concatenate
from keras.models import Model

rng = np.random.RandomState(1)
headlines = rng.randint(1, 100, size=(48, 10))
additional = rng.normal(size=(48, 5))
labels = (headlines[:, :1] > 50).astype('float32')

main_input = Input(shape=(10,), dtype='int32', name='main_input')
x = Embedding(output_dim=16, input_dim=100, input_length=10)(main_input)
lstm_out = LSTM(16)(x)
auxiliary_output = Dense(1, activation='sigmoid', name='aux_output')(lstm_out)
auxiliary_input = Input(shape=(5,), name='aux_input')
x = concatenate([lstm_out, auxiliary_input])
x = Dense(16, activation='relu')(x)
main_output = Dense(1, activation='sigmoid', name='main_output')(x)
model = Model(inputs=[main_input, auxiliary_input], outputs=[main_output, auxiliary_output])

model.compile(optimizer='rmsprop', loss='binary_crossentropy', loss_weights=[1., 0.2])
model.fit([headlines, additional], [labels, labels], epochs=2, batch_size=16, verbose=0)

model.compile(
    optimizer='rmsprop',
    loss={'main_output': 'binary_crossentropy', 'aux_output': 'binary_crossentropy'},
    loss_weights={'main_output': 1., 'aux_output': 0.2},
)
history = model.fit(
    {'main_input': headlines, 'aux_input': additional},
    {'main_output': labels, 'aux_output': labels},
    epochs=3,
    batch_size=16,
    verbose=0,
)
assert set(history.history) == {'loss', 'main_output_loss', 'aux_output_loss'}
assert np.all(np.isfinite(history.history['loss']))
main, aux = model.predict({'main_input': headlines, 'aux_input': additional})
assert main.shape == aux.shape == (48, 1)
