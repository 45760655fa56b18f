"""The window's speed through real Qt events, beside other programs: ``./run.sh bench gui``."""
