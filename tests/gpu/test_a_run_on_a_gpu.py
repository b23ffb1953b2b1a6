"""A task that asks for a GPU gets one on every engine; the footer says so, rows are the processor's, nearly."""

import shutil

import numpy as np
import pytest
from end_to_end._command import cinelake
from end_to_end._lakes import footer, read
from gpu._convolution import convolution
from gpu._device import TOLERANCE, why_not

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(why_not()), reason=why_not()), pytest.mark.timeout(600)]
MANIFEST = """\
lake: {lake}
catalogue: {{films: films}}
engine: {{kind: {engine}, workers: 2}}
tracking: {{enabled: false}}
tasks:
  films: {{}}
  shots: {{}}
  frames: {{fps: 2}}
  embeddings: {{backbone: {{file: convolution.onnx}}, preprocess: torch, device: {device}, resources: {{gpus: {gpus}}}}}
"""


@pytest.fixture(scope="module")
def made(draw_film, tmp_path_factory):
    """Makes the film's table with an engine on a device, and gives its file."""
    folder = tmp_path_factory.mktemp("project")
    draw_film(folder / "films" / "film.mp4", seconds=8)
    convolution(folder / "convolution.onnx")

    def make(engine, device, gpus):
        lake = f"{engine}-{device}"
        shutil.rmtree(folder / lake, ignore_errors=True)
        (folder / "pipeline.yaml").write_text(MANIFEST.format(lake=lake, engine=engine, device=device, gpus=gpus))
        done = cinelake("run", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return folder / lake / "embeddings" / "film.parquet"

    return make


@pytest.fixture(scope="module")
def by_processor(made):
    return vectors(made("local", "cpu", 0))


def vectors(path):
    return np.stack(read(path)["embedding"].to_pylist()).astype(float)


@pytest.mark.parametrize("engine", ["local", "dask", "ray"])
def test_the_vectors_are_the_processor_s_within_tolerance(made, by_processor, engine):
    found = vectors(made(engine, "cuda", 0.5))
    assert found.shape == by_processor.shape and len(found) > 4
    assert np.abs(found - by_processor).max() <= TOLERANCE * np.abs(by_processor).max()


@pytest.mark.parametrize("engine", ["local", "ray"])
def test_the_footer_says_what_ran(made, engine):
    run = footer(made(engine, "cuda", 1)).run
    assert run["provider"] == "CUDAExecutionProvider" and run["device"] == "cuda"
