"""RareSeg without its window: scans, projects, imbalance remedies, training, inference and review.

This package knows nothing of Qt. Modules that import torch live below ``losses``, ``sampling``, ``augmentation``,
``networks``, ``training``, ``inference`` and ``engine.worker``; everything else stays importable in a process that
must start fast.
"""

__version__ = "0.1.0"
