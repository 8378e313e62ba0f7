"""The published ImageNet weights: names, addresses and MD5s as keras_applications 1.0.8 has them."""

from __future__ import annotations

_CHOLLET = "https://github.com/fchollet/deep-learning-models/releases/download/"
_KERAS = "https://github.com/keras-team/keras-applications/releases/download/"
_NASNET = "https://github.com/titu1994/Keras-NASNet/releases/download/v1.2/"
_MITCHELL = "https://github.com/JonathanCMitchell/mobilenet_v2_keras/releases/download/v1.1/"

# network: (folder, start of the file's name, MD5 with the top, MD5 without)
_USUAL = {
    "VGG16": (_CHOLLET + "v0.1/", "vgg16", "64373286793e3c8b2b4e3219cbf3544b", "6d6bbae143d832006294945121d1f1fc"),
    "VGG19": (_CHOLLET + "v0.1/", "vgg19", "cbe5617147190e668d6c5d5026f83318", "253f8cb515780f3b799900260a226db6"),
    "resnet50.ResNet50": (
        _CHOLLET + "v0.2/",
        "resnet50",
        "a7b3fe01876f51b976af0dea6bc144eb",
        "a268eb855778b3df3c7506639542a6af",
    ),
    "ResNet50": (
        _KERAS + "resnet/",
        "resnet50",
        "2cb95161c43110f7111970584f804107",
        "4d473c1dd8becc155b73f8504c6f6626",
    ),
    "ResNet101": (
        _KERAS + "resnet/",
        "resnet101",
        "f1aeb4b969a6efcfb50fad2f0c20cfc5",
        "88cf7a10940856eca736dc7b7e228a21",
    ),
    "ResNet152": (
        _KERAS + "resnet/",
        "resnet152",
        "100835be76be38e30d865e96f2aaae62",
        "ee4c566cf9a93f14d82f913c2dc6dd0c",
    ),
    "ResNet50V2": (
        _KERAS + "resnet/",
        "resnet50v2",
        "3ef43a0b657b3be2300d5770ece849e0",
        "fac2f116257151a9d068a22e544a4917",
    ),
    "ResNet101V2": (
        _KERAS + "resnet/",
        "resnet101v2",
        "6343647c601c52e1368623803854d971",
        "c0ed64b8031c3730f411d2eb4eea35b5",
    ),
    "ResNet152V2": (
        _KERAS + "resnet/",
        "resnet152v2",
        "a49b44d1979771252814e80f8ec446f9",
        "ed17cf2e0169df9d443503ef94b23b33",
    ),
    "InceptionV3": (
        _CHOLLET + "v0.5/",
        "inception_v3",
        "9a0d58056eeedaa3f26cb7ebd46da564",
        "bcbd6486424b2319ff4ef7d526e38f63",
    ),
    "Xception": (
        _CHOLLET + "v0.4/",
        "xception",
        "0a58e3b7378bc2990ea3b43d5981f1f6",
        "b0042744bf5b25fce3cb969f33bebb97",
    ),
    "DenseNet121": (
        _KERAS + "densenet/",
        "densenet121",
        "9d60b8095a5708f2dcce2bca79d332c7",
        "30ee3e1110167f948a6b9946edeeb738",
    ),
    "DenseNet169": (
        _KERAS + "densenet/",
        "densenet169",
        "d699b8f76981ab1b30698df4c175e90b",
        "b8c4d4c20dd625c148057b9ff1c1176b",
    ),
    "DenseNet201": (
        _KERAS + "densenet/",
        "densenet201",
        "1ceb130c1ea1b78c3bf6114dbdfd8807",
        "c13680b51ded0fb44dff2d8f86ac8bb1",
    ),
    "InceptionResNetV2": (
        _CHOLLET + "v0.7/",
        "inception_resnet_v2",
        "e693bd0210a403b3192acc6073ad2e96",
        "d19885ff4a710c122648d3b5c3b684e4",
    ),
    "ResNeXt50": (
        _KERAS + "resnet/",
        "resnext50",
        "67a5b30d522ed92f75a1f16eef299d1a",
        "62527c363bdd9ec598bed41947b379fc",
    ),
    "ResNeXt101": (
        _KERAS + "resnet/",
        "resnext101",
        "34fb605428fcc7aa4d62f44404c11509",
        "0f678c91647380debd923963594981b3",
    ),
}
_NASNETS = {
    "NASNetMobile": ("mobile", "020fb642bf7360b370c678b08e0adf61", "1ed92395b5b598bdda52abe5c0dbfd63"),
    "NASNetLarge": ("large", "11577c9a518f0070763c2b964a382f17", "d81d89dc07e6e56530c4e77faddd61b5"),
}


def _usual():
    for network, (folder, start, *hashes) in _USUAL.items():
        for top, file_hash in zip((True, False), hashes, strict=True):
            file = f"{start}_weights_tf_dim_ordering_tf_kernels{'' if top else '_notop'}.h5"
            yield (network, top), (file, folder + file, file_hash)


def _nasnets():
    for network, (size, *hashes) in _NASNETS.items():
        for top, file_hash in zip((True, False), hashes, strict=True):
            file = f"nasnet_{size}{'' if top else '_no_top'}.h5"
            origin = f"{_NASNET}NASNet-{size}{'' if top else '-no-top'}.h5"
            yield (network, top), (file, origin, file_hash)


def _mobilenets():
    """No hashes were published for these."""
    for top, ending in ((True, ""), (False, "_no_top")):
        for alpha, text in ((1.0, "1_0"), (0.75, "7_5"), (0.5, "5_0"), (0.25, "2_5")):
            for rows in (128, 160, 192, 224):
                file = f"mobilenet_{text}_{rows}_tf{ending}.h5"
                yield ("MobileNet", top, alpha, rows), (file, f"{_CHOLLET}v0.6/{file}", None)
        for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4):
            for rows in (96, 128, 160, 192, 224):
                file = f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{rows}{ending}.h5"
                yield ("MobileNetV2", top, alpha, rows), (file, _MITCHELL + file, None)


# (network, with top) or (network, with top, alpha, rows): (name in the cache, address, MD5 or None)
WEIGHTS = {**dict(_usual()), **dict(_nasnets()), **dict(_mobilenets())}
