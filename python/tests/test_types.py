"""Types and documentation: strict, whole, and as the module is."""

import inspect
import shutil
import subprocess
import sys
from pathlib import Path

import tactful
from tactful import _tactful


def test_the_package_passes_mypy_strict(tmp_path: Path) -> None:
    user = tmp_path / "user.py"
    user.write_text(
        "import numpy as np\nimport tactful\n"
        "model = tactful.DPKMeans(3, epsilon=1.0, delta=1e-6, bounds=(-1, 1))\n"
        "fitted: tactful.DPKMeans = model.fit(np.zeros((3, 2)))\n"
        "receipt: tactful.PrivacyReceipt = fitted.privacy_receipt_\n"
        "made: tactful.Release = tactful.run('spec.toml', 'out')\n"
        "other = tactful.DPKMeans(np.int64(3), epsilon=np.float32(1), delta=1e-6, bounds=[np.zeros(2), np.ones(2)], seed=np.int64(1))\n"
        "ends = tactful.DPKMeans(3, rho=1, delta=1e-6, bounds=np.array([-1, 1]))\n"
        "found = tactful.sweep('spec.toml', epsilon=np.array([1.0, 2.0]), floor=50, segments=range(2, 4), seeds=np.arange(1, 4))\n"
        "tactful.evaluate('spec.toml', seeds=np.int64(3))\n"
        "tactful.simulate('shop', customers=np.int64(100), seed=np.uint64(3))\n"
        "tactful.plots.iso_lines(found, levels=np.array([1.1, 1.2]))\n"
    )
    # A copy: in its place beside others, mypy would look at all of them.
    shutil.copytree(Path(tactful.__file__).parent, tmp_path / "tactful", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "--cache-dir", str(tmp_path / "cache"), "tactful", str(user)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_stub_names_what_the_module_has() -> None:
    stub = (Path(tactful.__file__).parent / "_tactful.pyi").read_text()
    for name in (name for name in dir(_tactful) if not name.startswith("__")):
        assert f"def {name}(" in stub or f"class {name}:" in stub, name
    assert (Path(tactful.__file__).parent / "py.typed").exists()


def test_everything_public_is_documented() -> None:
    for name in tactful.__all__:
        thing = getattr(tactful, name)
        if name != "__version__":
            assert inspect.getdoc(thing), name
    for name, method in inspect.getmembers(tactful.DPKMeans, inspect.isfunction):
        assert name.startswith("_") or inspect.getdoc(method), name
    for name, member in inspect.getmembers(tactful.Release):
        assert name.startswith("_") or inspect.getdoc(member), name


def test_every_parameter_and_attribute_of_the_estimator_is_documented(rows: "object") -> None:
    text = inspect.getdoc(tactful.DPKMeans) or ""
    for name in [*inspect.signature(tactful.DPKMeans).parameters, *tactful.DPKMeans.__annotations__]:
        assert name in text, name
