"""Networks for images, as in `keras.applications`."""

from kjax.applications import (
    densenet,
    imagenet_utils,
    inception_resnet_v2,
    inception_v3,
    mobilenet,
    mobilenet_v2,
    nasnet,
    resnet,
    resnet50,
    resnet_v2,
    resnext,
    vgg16,
    vgg19,
    xception,
)
from kjax.applications.densenet import DenseNet121, DenseNet169, DenseNet201
from kjax.applications.inception_resnet_v2 import InceptionResNetV2
from kjax.applications.inception_v3 import InceptionV3
from kjax.applications.mobilenet import MobileNet
from kjax.applications.mobilenet_v2 import MobileNetV2
from kjax.applications.nasnet import NASNetLarge, NASNetMobile
from kjax.applications.resnet import ResNet101, ResNet152
from kjax.applications.resnet50 import ResNet50
from kjax.applications.resnet_v2 import ResNet50V2, ResNet101V2, ResNet152V2
from kjax.applications.resnext import ResNeXt50, ResNeXt101
from kjax.applications.vgg16 import VGG16
from kjax.applications.vgg19 import VGG19
from kjax.applications.xception import Xception

__all__ = [
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "NASNetLarge",
    "NASNetMobile",
    "ResNeXt101",
    "ResNeXt50",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "ResNet50",
    "ResNet50V2",
    "VGG16",
    "VGG19",
    "Xception",
    "densenet",
    "imagenet_utils",
    "inception_resnet_v2",
    "inception_v3",
    "mobilenet",
    "mobilenet_v2",
    "nasnet",
    "resnet",
    "resnet50",
    "resnet_v2",
    "resnext",
    "vgg16",
    "vgg19",
    "xception",
]
