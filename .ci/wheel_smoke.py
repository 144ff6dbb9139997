"""Build the sdist, build the wheel from it, install that in an empty environment, and use it outside the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOMAINS = ("controls", "policies", "detector", "evidence", "governance")


def run(*command: str, cwd: Path, expect: int = 0) -> str:
    """Run ``command`` without the checkout on its path; fail loudly on another exit code than ``expect``."""
    environment = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != expect:
        sys.exit(f"{' '.join(command)}\nexited {done.returncode}, not {expect}\n{done.stdout}{done.stderr}")
    return done.stdout


def tracked(folder: str) -> set[str]:
    """The files that git tracks below ``folder``."""
    listed = subprocess.run(["git", "ls-files", "-z", folder], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return {name for name in listed.split("\0") if name}


def main() -> None:
    """Exit 0 when the wheel holds everything and works; otherwise say what is wrong."""
    with tempfile.TemporaryDirectory(prefix="averment-wheel-") as scratch:
        work = Path(scratch)
        run(sys.executable, "-m", "build", "--outdir", str(work), str(ROOT), cwd=work)  # sdist first, wheel from it
        (wheel,) = work.glob("*.whl")
        (sdist,) = work.glob("*.tar.gz")
        with tarfile.open(sdist) as archive:
            links = [member.name for member in archive if member.issym() or member.islnk()]
        names = set(zipfile.ZipFile(wheel).namelist())
        missing = sorted(
            name for domain in DOMAINS for name in tracked(domain) if f"averment/{name}" not in names and "/docs/" not in f"/{name}"
        )
        if links or missing:
            sys.exit(f"links in the sdist: {links}; tracked files that the wheel lacks: {missing}")
        target = work / "env"
        venv.create(target, with_pip=True)
        python = str(target / ("Scripts" if os.name == "nt" else "bin") / "python")
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", f"{wheel}[iac]", cwd=work)
        averment = [python, "-I", "-m", "averment"]
        print(run(*averment, "--version", cwd=work).strip())
        run(*averment, "controls", "lint", cwd=work)
        template = work / "infrastructure" / "template.yaml"
        template.parent.mkdir()
        template.write_text(FLAWED, encoding="utf-8")
        report = run(*averment, "check", "infrastructure", cwd=work, expect=1)
        if "SM-UPL-03" not in report or "template.yaml" not in report:
            sys.exit(f"the wheel's check did not report the flaw:\n{report}")
        run(*averment, "check", "no-such-folder", cwd=work, expect=2)
        (work / "picture.jpg").write_bytes(b"not a picture")
        run(*averment, "media", "scan", "picture.jpg", cwd=work, expect=2)  # an extra is missing: says which, no traceback
        run(python, "-I", str(ROOT / "examples" / "api" / "before_a_deployment.py"), "infrastructure", cwd=work, expect=1)
        fixes = run(python, "-I", "-c", WITHOUT_EXTRAS, cwd=work).split()
        if fixes != ["aws", "report", "detector"]:
            sys.exit(f"jobs whose extras are not installed name {fixes}")
        print(f"{wheel.name}: {wheel.stat().st_size / 1e6:.1f} MB, {len(names)} files; works outside the checkout")


WITHOUT_EXTRAS = """\
from averment import api

assert api.collect("check").conclusion is api.Conclusion.CLEAN
for job in (lambda: api.collect("media-states"), lambda: api.export("2026Q4"), lambda: api.prove("SM-DET-03")):
    try:
        job()
    except api.MissingExtraError as error:
        print(error.fix.removeprefix("pip install 'averment[").removesuffix("]'"))
"""

FLAWED = """\
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Uploads:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: example-uploads
      Tags: [{Key: data-class, Value: ugc}]
  UploadsPolicy:
    Type: AWS::S3::BucketPolicy
    Properties:
      Bucket: !Ref Uploads
      PolicyDocument:
        Version: "2012-10-17"
        Statement:
          - {Effect: Allow, Principal: "*", Action: "s3:PutObject", Resource: !Sub "${Uploads.Arn}/*"}
"""

if __name__ == "__main__":
    main()
