"""What the labs import: texts, tokenizers and models by name, the base setting, the device."""

from course.devices import device
from course.hub import encoding, model_path, stay_offline, textbook
from course.settings import BASE

__all__ = ["BASE", "device", "encoding", "model_path", "textbook"]

stay_offline()
