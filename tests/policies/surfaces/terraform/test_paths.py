"""``path.module`` means the same wherever the check is started from."""

from pathlib import Path

import pytest

from averment.policies.surfaces.registry import load_graphs

GATE = """\
resource "aws_cloudfront_function" "gate" {
  name    = "gate"
  runtime = "cloudfront-js-2.0"
  code    = file("${path.module}/functions/gate.js")
}
"""
MAIN = f'{GATE}\nmodule "edge" {{\n  source = "./edge"\n}}\n'
EDGE = GATE.replace('"gate"', '"inner"')


@pytest.mark.parametrize(("start", "what"), [(".", "infra"), ("infra", "."), ("elsewhere", "../infra")])
def test_files_beside_a_module_are_found_from_any_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str, what: str) -> None:
    """The root's file and a child module's file are read; nothing is said to be missing."""
    for folder, text in (("infra", MAIN), ("infra/edge", EDGE)):
        (tmp_path / folder / "functions").mkdir(parents=True)
        (tmp_path / folder / "main.tf").write_text(text)
        (tmp_path / folder / "functions" / "gate.js").write_text(f"// of {folder}\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / start)
    (graph,) = [graph for graph in load_graphs(Path(what)) if len(graph)]
    codes = {resource.get("Name"): resource.get("FunctionCode") for resource in graph.of_type("AWS::CloudFront::Function")}
    assert codes == {"gate": "// of infra\n", "inner": "// of infra/edge\n"}
