"""CHoRUS Upload: submit a hospital's OMOP tables, images and waveforms, and know what was submitted."""

__version__ = "0.1.0"
