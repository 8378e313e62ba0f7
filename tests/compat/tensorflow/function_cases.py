"""Small programs for every group of the stand-in's functions: one expression each, with the inputs it takes.

`record_functions.py` computes them with genuine TensorFlow, `test_functions.py` with kjax.
"""

from __future__ import annotations

import numpy as np

_random = np.random.RandomState(7)


def _floats(*shape, low=-2.0, high=2.0):
    return _random.uniform(low, high, shape).astype("float32")


# name -> (value, how many first axes are unknown when the graph is built)
INPUTS = {
    "x": (_floats(3, 4), 1),
    "y": (_floats(3, 4), 1),
    "p": (_floats(3, 4, low=0.1, high=0.9), 1),
    "v": (_floats(4), 0),
    "r": (_floats(2, 3, 4), 1),
    "s": (_floats(2, 4, 3), 1),
    "i": (np.array([2, 0, 1], "int32"), 1),
    "j": (np.array([[0, 1], [2, 3], [1, 0]], "int32"), 1),
    "k": (_random.randint(1, 9, (3, 4)).astype("int32"), 1),
    "b": (_random.rand(3, 4) > 0.5, 1),
    "c": (np.array([True, False, True]), 1),
    "m": (_floats(2, 5, 6, 3, low=0.0, high=1.0), 1),
    "f": (_floats(3, 2, 3, 4), 0),
    "d": (_floats(3, 2, 3, 2), 0),
    "q": (_floats(4, 4), 0),
    "u": (_floats(3, low=0.0, high=1.0), 1),
    "g": (_floats(2, 16, 16, 2, low=0.0, high=1.0), 1),
    "h": (_floats(2, 16, 16, 2, low=0.0, high=1.0), 1),
    "t": (_floats(2, 7, 3), 1),
    "w": (_floats(3, 3, 2), 0),
}

_UNARY_ANY = (
    "abs atan ceil cos erf erfc exp expm1 floor negative sigmoid sign sin sinh cosh square tan tanh asinh rint round"
)
_UNARY_POSITIVE = "log log1p sqrt rsqrt reciprocal lgamma digamma acos asin atanh"
_BINARY = "add subtract multiply divide truediv div realdiv maximum minimum squared_difference atan2 floordiv mod"
_WHOLE = "add subtract multiply div floordiv mod maximum minimum truediv truncatediv truncatemod"
_COMPARE = "equal not_equal less less_equal greater greater_equal"
_REDUCE = "sum mean max min prod logsumexp"

_ACTIVATIONS = "relu relu6 elu selu leaky_relu softplus softsign softmax log_softmax crelu swish"

# name -> expression
CASES: dict[str, str] = {
    **{f"unary_{n}": f"tf.{n}(x)" for n in _UNARY_ANY.split()},
    **{f"unary_{n}": f"tf.{n}(p)" for n in _UNARY_POSITIVE.split()},
    **{f"binary_{n}": f"tf.{n}(x, y)" for n in _BINARY.split()},
    **{f"whole_{n}": f"tf.{n}(k, 3)" for n in _WHOLE.split()},
    **{f"compare_{n}": f"tf.{n}(x, y)" for n in _COMPARE.split()},
    **{f"reduce_{n}": f"tf.reduce_{n}(r, axis=[1], keepdims=True)" for n in _REDUCE.split()},
    **{f"reduce_all_{n}": f"tf.reduce_{n}(p)" for n in _REDUCE.split()},
    "reduce_old_names": "tf.reduce_sum(r, reduction_indices=[0, 2], keep_dims=True)",
    "reduce_last": "tf.reduce_max(r, -1)",
    "reduce_ints_mean": "tf.reduce_mean(k)",
    "reduce_any": "tf.reduce_any(b, 1)",
    "reduce_all": "tf.reduce_all(b, axis=0)",
    "max_of_ties": "tf.reduce_max(tf.round(x), 1)",
    "is_nan": "tf.is_nan(tf.log(x))",
    "is_finite": "tf.is_finite(tf.log(x))",
    "logical": "tf.logical_or(tf.logical_and(b, tf.logical_not(b)), tf.logical_xor(b, x > 0))",
    "pow": "tf.pow(p, y)",
    "add_n": "tf.add_n([x, y, p])",
    "clip": "tf.clip_by_value(x, -1.0, 1.0)",
    "clip_tensors": "tf.clip_by_value(x, y - 1, y + 1)",
    "clip_by_norm": "tf.clip_by_norm(x, 1.5, axes=[1])",
    "clip_by_global_norm": "tf.clip_by_global_norm([x, y], 2.0)[0][1]",
    "global_norm": "tf.global_norm([x, v])",
    "norm": "tf.norm(r, axis=-1)",
    "norm_one": "tf.norm(r, ord=1, axis=1, keepdims=True)",
    "norm_all": "tf.norm(x)",
    "xlogy": "tf.div_no_nan(x, tf.nn.relu(y))",
    "argmax": "tf.argmax(x, 1)",
    "argmax_default": "tf.argmax(x)",
    "argmin": "tf.argmin(r, axis=2, output_type=tf.int32)",
    "cumsum": "tf.cumsum(r, axis=1, exclusive=True, reverse=True)",
    "cumprod": "tf.cumprod(x, 1, exclusive=True)",
    "count_nonzero": "tf.count_nonzero(tf.nn.relu(x), axis=1)",
    "cast": "tf.cast(x, tf.int32)",
    "cast_bool": "tf.cast(b, tf.float32)",
    "to_float": "tf.to_float(k) + tf.to_float(tf.to_int32(x))",
    "saturate_cast": "tf.saturate_cast(x * 200, tf.uint8)",
    # shapes
    "shape": "tf.shape(r)",
    "shape_entry": "tf.shape(r)[1] * 2 + tf.shape(r)[0]",
    "size": "tf.size(r)",
    "rank": "tf.rank(r)",
    "reshape": "tf.reshape(r, [-1, 4])",
    "reshape_dynamic": "tf.reshape(r, tf.stack([tf.shape(r)[0], 12]))",
    "reshape_concat": "tf.reshape(r, tf.concat([tf.shape(r)[:1], [2, 6]], 0))",
    "expand_dims": "tf.expand_dims(x, 1)",
    "expand_dims_old": "tf.expand_dims(x, dim=-1)",
    "squeeze": "tf.squeeze(tf.expand_dims(x, 2), axis=[2])",
    "transpose": "tf.transpose(r, [0, 2, 1])",
    "transpose_all": "tf.transpose(r)",
    "concat": "tf.concat([x, y], axis=1)",
    "concat_rows": "tf.concat([x, [[1.0, 2.0, 3.0, 4.0]]], 0)",
    "stack": "tf.stack([x, y], axis=2)",
    "unstack": "tf.unstack(r, axis=1)[1]",
    "split": "tf.split(r, 2, axis=2)[1]",
    "split_sizes": "tf.split(r, [1, 3], 2)[1]",
    "tile": "tf.tile(x, [1, 2])",
    "tile_dynamic": "tf.tile(tf.expand_dims(v, 0), [tf.shape(x)[0], 1])",
    "pad": "tf.pad(x, [[0, 0], [1, 2]])",
    "pad_reflect": "tf.pad(r, [[0, 0], [1, 1], [2, 0]], mode='REFLECT')",
    "pad_symmetric": "tf.pad(r, [[0, 0], [1, 1], [2, 0]], 'SYMMETRIC')",
    "pad_value": "tf.pad(x, [[1, 0], [0, 1]], constant_values=-1)",
    "slice": "tf.slice(r, [0, 1, 0], [-1, 2, 3])",
    "strided": "r[:, ::2, tf.newaxis, 1:-1]",
    "strided_ellipsis": "r[..., -1]",
    "strided_slice": "tf.strided_slice(r, [0, 0, 1], [2, 3, 4], [1, 2, 1], shrink_axis_mask=0, begin_mask=1)",
    "reverse": "tf.reverse(r, [1])",
    "reverse_sequence": "tf.reverse_sequence(r, [2, 3], seq_axis=1, batch_axis=0)",
    "roll": "tf.roll(x, shift=1, axis=1)",
    "zeros_like": "tf.zeros_like(r, dtype=tf.int32)",
    "ones_like": "tf.ones_like(x)",
    "zeros_dynamic": "tf.zeros([tf.shape(x)[0], 5]) + 1",
    "fill": "tf.fill([2, 3], 7.5)",
    "range": "tf.range(2, 10, 3)",
    "range_float": "tf.range(0.0, 1.0, 0.25)",
    "linspace": "tf.linspace(0.0, 1.0, 5)",
    "meshgrid": "tf.meshgrid(tf.range(3), tf.range(2))[0]",
    "eye": "tf.eye(3)",
    "broadcast_to": "tf.broadcast_to(v, [2, 4])",
    "depth_to_space": "tf.depth_to_space(tf.concat([m, m[..., :1]], 3), 2)",
    "space_to_depth": "tf.space_to_depth(m[:, :4], 2)",
    "space_to_batch": "tf.space_to_batch_nd(m, [2, 3], [[1, 0], [0, 0]])",
    "batch_to_space": "tf.batch_to_space_nd(tf.concat([m] * 6, 0), [2, 3], [[0, 1], [1, 1]])",
    # indexing
    "gather": "tf.gather(x, [2, 0, 2])",
    "gather_tensor": "tf.gather(v, j)",
    "gather_axis": "tf.gather(r, [0, 2], axis=1)",
    "gather_nd": "tf.gather_nd(x, [[0, 1], [2, 3]])",
    "gather_nd_rows": "tf.gather_nd(x, tf.expand_dims(i, 1))",
    "batch_gather": "tf.batch_gather(x, j)",
    "embedding_lookup": "tf.nn.embedding_lookup(q, i)",
    "one_hot": "tf.one_hot(i, 3)",
    "one_hot_options": "tf.one_hot(j, 4, on_value=5.0, off_value=-1.0, axis=1)",
    "one_hot_ints": "tf.one_hot(i, depth=3, dtype=tf.int32)",
    "top_k": "tf.nn.top_k(x, 2).values",
    "top_k_indices": "tf.nn.top_k(x, k=3)[1]",
    "where": "tf.where(x > 0, x, y)",
    "where_rows": "tf.where(c, x, y)",
    "where_indices": "tf.where(b)",
    "boolean_mask": "tf.boolean_mask(x, b)",
    "boolean_mask_rows": "tf.boolean_mask(r, [True, False])",
    "boolean_mask_axis": "tf.boolean_mask(r, [True, False, True], axis=1)",
    "unique": "tf.unique(tf.reshape(k, [-1]))[0]",
    "unique_index": "tf.unique(tf.reshape(k, [-1]))[1]",
    "setdiff1d": "tf.setdiff1d(tf.range(6), i)[0]",
    "sequence_mask": "tf.sequence_mask(i, 4)",
    "sequence_mask_floats": "tf.sequence_mask(j, maxlen=3, dtype=tf.float32)",
    "scatter_nd": "tf.scatter_nd([[1], [3], [1]], x, [5, 4])",
    "scatter_update": "tf.tensor_scatter_update(q, [[0], [2]], x[:2])",
    "scatter_add": "tf.tensor_scatter_add(q, [[0], [0]], x[:2])",
    "segment_sum": "tf.segment_sum(x, [0, 0, 2])",
    "segment_mean": "tf.segment_mean(x, [0, 0, 1])",
    "segment_max": "tf.segment_max(x, [0, 1, 1])",
    "unsorted_segment_sum": "tf.unsorted_segment_sum(x, i, 4)",
    "unsorted_segment_max": "tf.unsorted_segment_max(x, [0, 1, 1], 2)",
    "sort": "tf.sort(x, axis=1, direction='DESCENDING')",
    "argsort": "tf.argsort(x)",
    "dynamic_partition": "tf.dynamic_partition(x, [0, 1, 0], 2)[0]",
    "invert_permutation": "tf.invert_permutation(i)",
    # control
    "cond": "tf.cond(tf.reduce_sum(x) > 0, lambda: x * 2, lambda: y)",
    "cond_old": "tf.cond(tf.constant(False), fn1=lambda: x, fn2=lambda: y * y)",
    "case": "tf.case([(x[0, 0] > 5, lambda: x), (y[0, 0] < 5, lambda: y)], default=lambda: x + y)",
    "while_constant": "tf.while_loop(lambda n, a: n < 3, lambda n, a: (n + 1, a * x), [0, y])[1]",
    "while_sizes": "tf.while_loop(lambda n, a: n < tf.shape(x)[0], lambda n, a: [n + 1, a + x[n]], [0, v])[1]",
    "while_data": "tf.stop_gradient(tf.while_loop(lambda a: tf.reduce_sum(a) < 50, lambda a: a * 2, [p]))",
    "while_array": (
        "tf.while_loop(lambda n, a: n < 3, lambda n, a: (n + 1, a.write(n, x[n] * 2)), "
        "[0, tf.TensorArray(tf.float32, size=3)])[1].stack()"
    ),
    "while_growing_array": (
        "tf.while_loop(lambda n, a: n < tf.shape(x)[0], lambda n, a: (n + 1, a.write(n, tf.reduce_sum(x[n]))), "
        "[0, tf.TensorArray(tf.float32, size=1, dynamic_size=True)])[1].stack()"
    ),
    "array": "tf.TensorArray(tf.float32, 2).write(0, x).write(1, y).concat()",
    "scan": "tf.scan(lambda a, e: a * 0.5 + e, x)",
    "scan_initial": "tf.scan(lambda a, e: a + e * v, x, initializer=tf.zeros([4]), reverse=True)",
    "map_fn": "tf.map_fn(lambda e: tf.cumsum(e) * 2, x)",
    "map_fn_several": "tf.map_fn(lambda e: e[0] * e[1], (x, y), dtype=tf.float32)",
    "foldl": "tf.foldl(lambda a, e: a * 0.5 + e, x)",
    "foldr": "tf.foldr(lambda a, e: a * 0.5 + e, x, initializer=tf.ones([4]))",
    "identity": "tf.identity(x, name='same')",
    "stop_gradient": "tf.stop_gradient(x) * y",
    "print": "tf.Print(x, [tf.shape(x)], message='')",
    "gradients": "tf.gradients(tf.reduce_sum(x * x * y), [x])[0]",
    "gradients_weighed": "tf.gradients([tf.square(x)], [x], grad_ys=[y])[0]",
    "convert": "tf.convert_to_tensor([x[0], v])",
    "operators": "-x + 2 * y / (x * x + 1) - abs(y) ** 2.0",
    "operators_ints": "k // 2 + k % 3 - 1",
    # matrices
    "matmul": "tf.matmul(x, q)",
    "matmul_transposed": "tf.matmul(x, y, transpose_b=True)",
    "matmul_stacked": "tf.matmul(r, s)",
    "matmul_adjoint": "tf.matmul(r, s, transpose_a=True, adjoint_b=True)",
    "tensordot": "tf.tensordot(r, q, axes=1)",
    "tensordot_lists": "tf.tensordot(r, q, [[2], [1]])",
    "einsum": "tf.einsum('bij,bjk->bik', r, s)",
    "einsum_letters": "tf.einsum('ij,kj->ik', x, q)",
    "diag": "tf.diag(v)",
    "diag_part": "tf.diag_part(q)",
    "matrix_diag": "tf.matrix_diag(x)",
    "matrix_band_part": "tf.matrix_band_part(q, -1, 0)",
    "trace": "tf.trace(q)",
    "matrix_inverse": "tf.matrix_inverse(q + 5 * tf.eye(4))",
    "matrix_determinant": "tf.matrix_determinant(q)",
    "matrix_solve": "tf.matrix_solve(q + 5 * tf.eye(4), tf.expand_dims(v, 1))",
    "cholesky": "tf.cholesky(tf.matmul(q, q, transpose_b=True) + tf.eye(4))",
    "svd": "tf.svd(q, compute_uv=False)",
    "cross": "tf.cross(s[0], s[1])",
    "l2_normalize": "tf.nn.l2_normalize(r, axis=-1)",
    "l2_normalize_old": "tf.nn.l2_normalize(x, dim=1, epsilon=1e-3)",
    "fft": "tf.abs(tf.fft(tf.cast(x, tf.complex64)))",
    "rfft": "tf.abs(tf.spectral.rfft(x))",
    # nn
    **{f"nn_{n}": f"tf.nn.{n}(x)" for n in _ACTIVATIONS.split()},
    "nn_softmax_axis": "tf.nn.softmax(r, axis=1)",
    "nn_softmax_dim": "tf.nn.softmax(r, dim=1)",
    "nn_bias_add": "tf.nn.bias_add(r, v)",
    "nn_xw_plus_b": "tf.nn.xw_plus_b(x, q, v)",
    "nn_l2_loss": "tf.nn.l2_loss(x)",
    "nn_moments": "tf.stack(tf.nn.moments(r, [0, 1]))",
    "nn_moments_kept": "tf.nn.moments(r, axes=[2], keep_dims=True)[1]",
    "nn_batch_normalization": "tf.nn.batch_normalization(x, v, tf.square(v), v, v + 1, 1e-3)",
    "nn_fused_batch_norm": "tf.nn.fused_batch_norm(m, tf.ones([3]), tf.zeros([3]))[0]",
    "nn_lrn": "tf.nn.lrn(m, 1, bias=1.0, alpha=0.1, beta=0.75)",
    "nn_softmax_loss": "tf.nn.softmax_cross_entropy_with_logits(labels=p, logits=x)",
    "nn_softmax_loss_v2": "tf.nn.softmax_cross_entropy_with_logits_v2(labels=p, logits=x)",
    "nn_sparse_softmax_loss": "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=i, logits=x)",
    "nn_sigmoid_loss": "tf.nn.sigmoid_cross_entropy_with_logits(labels=p, logits=x)",
    "nn_weighted_loss": "tf.nn.weighted_cross_entropy_with_logits(p, x, 2.0)",
    "nn_in_top_k": "tf.nn.in_top_k(x, i, 2)",
    "nn_conv2d": "tf.nn.conv2d(m, f, strides=[1, 2, 1, 1], padding='SAME')",
    "nn_conv2d_valid": "tf.nn.conv2d(m, f, [1, 1, 1, 1], 'VALID', name='c')",
    "nn_conv1d": "tf.nn.conv1d(t, w, stride=2, padding='SAME')",
    "nn_atrous": "tf.nn.atrous_conv2d(m, f, rate=2, padding='SAME')",
    "nn_convolution": "tf.nn.convolution(m, f, 'SAME', dilation_rate=[2, 1])",
    "nn_conv2d_transpose": (
        "tf.nn.conv2d_transpose(tf.nn.conv2d(m, f, [1, 2, 2, 1], 'SAME'), f, tf.shape(m), [1, 2, 2, 1])"
    ),
    "nn_depthwise": "tf.nn.depthwise_conv2d(m, d, [1, 1, 1, 1], 'SAME')",
    "nn_max_pool": "tf.nn.max_pool(m, [1, 2, 2, 1], [1, 2, 2, 1], 'SAME')",
    "nn_avg_pool": "tf.nn.avg_pool(m, ksize=[1, 2, 3, 1], strides=[1, 1, 1, 1], padding='SAME')",
    "nn_pool": "tf.nn.pool(m, [2, 2], 'AVG', 'VALID')",
    "nn_max_pool_argmax": "tf.nn.max_pool_with_argmax(m, [1, 2, 2, 1], [1, 2, 2, 1], 'VALID')[1]",
    "patches": "tf.extract_image_patches(m, [1, 2, 3, 1], [1, 1, 2, 1], [1, 1, 1, 1], 'SAME')",
    "nn_zero_fraction": "tf.nn.zero_fraction(tf.nn.relu(x))",
    "nn_dropout_none": "tf.nn.dropout(x, keep_prob=1.0)",
    # images
    "resize_bilinear": "tf.image.resize_bilinear(m, [7, 4])",
    "resize_bilinear_aligned": "tf.image.resize_bilinear(m, [7, 9], align_corners=True)",
    "resize_nearest": "tf.image.resize_nearest_neighbor(m, (9, 4))",
    "resize_nearest_aligned": "tf.image.resize_nearest_neighbor(m, (9, 4), align_corners=True)",
    "resize_bicubic": "tf.image.resize_bicubic(m, [7, 9])",
    "resize_area": "tf.image.resize_area(m, [3, 4])",
    "resize_images": "tf.image.resize_images(m, (10, 12))",
    "resize_images_nearest": "tf.image.resize_images(m, [10, 3], method=tf.image.ResizeMethod.NEAREST_NEIGHBOR)",
    "resize_one": "tf.image.resize_images(m[0], [3, 3])",
    "resize_dynamic": "tf.image.resize_bilinear(m, tf.shape(g)[1:3])",
    "crop_and_resize": "tf.image.crop_and_resize(m, [[0.1, 0.2, 0.9, 0.8], [0.0, 0.0, 1.2, 1.0]], [0, 1], [3, 4])",
    "nms": (
        "tf.image.non_max_suppression([[0., 0, 1, 1], [0, 0.1, 1, 1.1], [2, 2, 3, 3], [2, 2, 2.9, 3]], "
        "[0.5, 0.9, 0.3, 0.8], 3, iou_threshold=0.5)"
    ),
    "nms_of_tensors": "tf.image.non_max_suppression(tf.sort(tf.nn.sigmoid(x), 1), u, 2)",
    "flip_left_right": "tf.image.flip_left_right(m)",
    "flip_up_down": "tf.image.flip_up_down(m[0])",
    "rot90": "tf.image.rot90(m[0])",
    "ssim": "tf.image.ssim(g, h, max_val=1.0)",
    "psnr": "tf.image.psnr(g, h, max_val=1.0)",
    "standardized": "tf.image.per_image_standardization(m[0])",
    "gray": "tf.image.rgb_to_grayscale(m)",
    "hsv": "tf.image.rgb_to_hsv(m)",
    "rgb": "tf.image.hsv_to_rgb(m)",
    "saturation": "tf.image.adjust_saturation(m, 0.5)",
    "hue": "tf.image.adjust_hue(m, 0.1)",
    "contrast": "tf.image.adjust_contrast(m, 2.0)",
    "brightness": "tf.image.adjust_brightness(m, 0.2)",
    "total_variation": "tf.image.total_variation(m)",
    "image_gradients": "tf.image.image_gradients(m)[1]",
    "sobel": "tf.image.sobel_edges(m)",
    "crop_or_pad": "tf.image.resize_image_with_crop_or_pad(m, 3, 9)",
    "central_crop": "tf.image.central_crop(g[0], 0.5)",
    "convert_image": "tf.image.convert_image_dtype(tf.cast(k, tf.uint8), tf.float32)",
    # losses, distributions, sparse
    "loss_mse": "tf.losses.mean_squared_error(x, y)",
    "loss_weights": "tf.losses.absolute_difference(x, y, weights=[[2.0], [0.0], [1.0]])",
    "loss_sum": "tf.losses.mean_squared_error(x, y, reduction=tf.losses.Reduction.SUM)",
    "loss_huber": "tf.losses.huber_loss(x, y, delta=0.7)",
    "loss_log": "tf.losses.log_loss(p, p)",
    "loss_hinge": "tf.losses.hinge_loss(tf.round(p), x)",
    "loss_softmax": "tf.losses.softmax_cross_entropy(tf.one_hot(i, 4), x, label_smoothing=0.1)",
    "loss_sparse": "tf.losses.sparse_softmax_cross_entropy(i, x, weights=u)",
    "loss_sigmoid": "tf.losses.sigmoid_cross_entropy(tf.round(p), x)",
    "loss_cosine": "tf.losses.cosine_distance(x, y, axis=1)",
    "normal": "tf.distributions.Normal(x, p).log_prob(y)",
    "normal_kl": "tf.distributions.kl_divergence(tf.distributions.Normal(x, p), tf.distributions.Normal(y, 1.5))",
    "normal_entropy": "tf.distributions.Normal(x, p).entropy()",
    "categorical": "tf.distributions.Categorical(logits=x).log_prob(i)",
    "categorical_entropy": "tf.distributions.Categorical(logits=x).entropy()",
    "bernoulli": "tf.distributions.Bernoulli(probs=p).log_prob(tf.round(p))",
    "sparse_to_dense": "tf.sparse_tensor_to_dense(tf.SparseTensor([[0, 1], [1, 2]], [3.0, 4.0], [2, 4]))",
    "sparse_matmul": "tf.sparse_tensor_dense_matmul(tf.SparseTensor([[0, 1], [1, 2]], [3.0, 4.0], [2, 4]), q)",
    "sparse_places": "tf.sparse_to_dense([[0, 1], [1, 2]], [2, 4], 1.0)",
    "set_intersection": "tf.sparse_tensor_to_dense(tf.sets.set_intersection([[1, 5, 3]], [[3, 1, 7]]))",
    "ctc_loss": (
        "tf.nn.ctc_loss(tf.SparseTensor([[0, 0], [0, 1], [1, 0]], [0, 1, 1], [2, 2]), "
        "tf.transpose(t, [1, 0, 2]), [7, 5])"
    ),
    "ctc_greedy": "tf.sparse_tensor_to_dense(tf.nn.ctc_greedy_decoder(tf.transpose(t, [1, 0, 2]), [7, 5])[0][0])",
}
# whose sizes depend on data
COUNTED = {
    "boolean_mask", "boolean_mask_axis", "boolean_mask_rows", "ctc_greedy", "dynamic_partition", "nms_of_tensors",
    "set_intersection", "setdiff1d", "unique", "unique_index", "where_indices",
}  # fmt: skip
# what has no gradient to be compared: the genuine one raises, or is not defined
WITHOUT_GRADIENT = {"nms_of_tensors", "svd", "ctc_greedy", "hue", "rgb", "hsv", "resize_area", "saturation", "contrast"}


def used(expression: str) -> list[str]:
    """The inputs an expression takes, in order."""
    names = compile(expression, "case", "eval").co_names
    inner = [
        c.co_freevars + c.co_names for c in compile(expression, "case", "eval").co_consts if hasattr(c, "co_names")
    ]
    found = set(names).union(*inner)
    return [name for name in INPUTS if name in found]


def weigh(tf, result):
    """One number to differentiate: the sum of the elements, each with a weight of its own."""
    flat = tf.reshape(result, [-1])
    return tf.reduce_sum(flat * tf.cos(tf.cast(tf.range(tf.size(result)), tf.float32)))
