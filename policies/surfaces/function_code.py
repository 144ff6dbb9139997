"""What the source of a Lambda function shows of media: pictures that it resizes, video that it converts, images that it has generated.

A template names a function's source by ``CodeUri`` (or ``Code``, or what the CDK and Amplify note as its asset) and ``Handler``. The
handler's file and the files beside it that it imports are looked at by their bytes, nothing is parsed or run: it is evidence of what the
function's buckets hold, for rules that would otherwise have only names to go by. Python, JavaScript, TypeScript; Java, Kotlin and C# by
the handler's class. What can't be found or read is no evidence.
"""

from __future__ import annotations

import codecs
import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from averment.core.errors import BadInputError
from averment.core.observer import Observer
from averment.policies.graph.model import Graph, MediaCode, Problem, Resource, Unknown
from averment.policies.surfaces.code.apis import BY_NAME, RESULT

MAX_BYTES = 1024 * 1024
MAX_FILES = 30
"""Of one function: the handler's and those that it leads to."""

_MAX_LISTED = 3_000
_SCRIPT = (".ts", ".js", ".mjs", ".cjs", ".mts", ".cts", ".tsx", ".jsx")
_COMPILED = (".java", ".kt", ".cs")
_FOLDERS = ("", "src/", "lib/")
"""Where a handler's file stands under the code, if a build step moves it."""

_LIBRARIES = re.compile(
    rb"""^[ \t]*(?:import|from)[ \t]+(PIL|cv2|imageio|skimage|wand|moviepy|ffmpeg|pydub|librosa|soundfile|pyvips|pillow_heif|face_recognition|deepface)\b
    |(?:\brequire\(|\bfrom|\bimport\(|^[ \t]*import)[ \t]*["'](sharp|jimp|@jimp/[\w-]+|gm|imagemagick|fluent-ffmpeg|ffmpeg-static|@ffmpeg/[\w-]+|exifr|exif-parser
        |image-size|probe-image-size|heic-convert|blurhash|face-api\.js|@vladmandic/face-api|nsfwjs)["'/]
    |^[ \t]*(?:import|using)[ \t]+(javax\.imageio|java\.awt\.image|net\.coobird\.thumbnailator|org\.imgscalr|SixLabors\.ImageSharp|SkiaSharp|ImageMagick)\b
    |["'/](ffmpeg|ffprobe)["' ]""",
    re.MULTILINE | re.VERBOSE,
)
"""Libraries and programs for pictures, video and sound, as source names them."""

_SERVICES = re.compile(
    rb"""\b(?:client|resource)\([ \t\r\n]*(?:service_name[ ]*=[ ]*)?["'](rekognition|mediaconvert|elastictranscoder|transcribe)["']
    |@aws-sdk/client-(rekognition|mediaconvert|elastic-transcoder|transcribe)["']
    |\baws-sdk/clients/(rekognition|mediaconvert|elastictranscoder|transcribeservice)\b
    |\bnew[ ]+\w+\.(Rekognition|MediaConvert|ElasticTranscoder|TranscribeService)\b
    |^[ \t]*(?:import|using)[ \t]+[\w.]*\b(rekognition|Rekognition|mediaconvert|MediaConvert|transcribe|TranscribeService)\b""",
    re.MULTILINE | re.VERBOSE,
)
_MODELS = re.compile(
    rb"\b(stability\.(?:stable|sd3)[\w.-]*|amazon\.titan-image[\w.-]*|amazon\.nova-(?:canvas|reel)[\w.-]*|dall-e-\d|gpt-image-\d|StableDiffusion\w*)"
)
"""Models that make pictures or video."""

_LIVENESS = b"|".join(name.encode() for name, operation in BY_NAME.items() if operation == RESULT)
_COMMON = frozenset({"searchFaces", "search_faces", "searchUsers", "search_users"})
"""Operations whose methods are called what many programs call functions of their own."""
_FACE_CALL = re.compile(
    rb"\b(?:(" + b"|".join(name.encode() for name in sorted(BY_NAME) if name not in _COMMON) + rb")[ ]*\(|(" + _LIVENESS + rb")\b)"
)
"""A call of an operation on faces; a liveness result may also be read by a method or command that is handed on (``to_thread``, a retry)."""
_COMMENT = re.compile(rb"#|//|^[ \t]*/?\*")
_PYTHON_IMPORT = re.compile(rb"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+([\w, \t]+)|import[ \t]+([\w., \t]+))", re.MULTILINE)
_SCRIPT_IMPORT = re.compile(rb"""(?:\brequire\(|\bfrom|\bimport\(|^[ \t]*import)[ \t]*["'](\.{1,2}/[^"'\n]+)["']""", re.MULTILINE)
_HANDLER = re.compile(r"[\w./@-]+")


def look_at_source(graph: Graph, top: Path, observer: Observer) -> None:
    """Note in ``graph`` what the source of its functions shows of media and faces; only files below ``top`` are looked at."""
    found = graph.media_code
    reader = _Reader(top, observer)
    for function in list(graph.of_type("AWS::Lambda::Function")):
        texts = list(reader.texts(function))
        if any(b"ekognition" in text for text in texts):  # libraries have functions of the same names
            called = graph.face_calls[function.address] = frozenset(name for text in texts for name in _face_calls(text))
            if called and inline_code(function) is not None:
                reason = f"{function.address}: its code stands in the template and asks Rekognition about faces; what it does about liveness was not checked"
                graph.problems.append(Problem(reason, function.where("Code"), blocking=False))
        shown = _shown(texts) if texts else None
        if shown is not None:
            environment = function.get("Environment", "Variables")
            names = environment if isinstance(environment, Mapping) else ()
            mentioned = frozenset(name for name in names if any(str(name).encode() in text for text in texts))
            found[function.address] = MediaCode(shown.uses, shown.looks, shown.generates, mentioned)


def permissions_open(graph: Graph) -> bool:
    """Whether a role of ``graph`` has a statement of which nothing is known: what its functions call then tells more than what is allowed."""
    for role in graph.of_type("AWS::IAM::Role"):
        policies = role.get("Policies")
        for policy in policies if isinstance(policies, list) else ():
            document = policy.get("PolicyDocument") if isinstance(policy, Mapping) else None
            statements = document.get("Statement") if isinstance(document, Mapping) else None
            if isinstance(statements, list) and any(isinstance(statement, Unknown) for statement in statements):
                return True
    return False


def inline_code(function: Resource) -> str | None:
    """The source of ``function`` that is written in the template itself; None if it stands elsewhere."""
    code = function.get("Code")
    inline = code.get("ZipFile") if isinstance(code, Mapping) else code if isinstance(code, str) and "\n" in code else None
    return inline if isinstance(inline, str) else None


def _face_calls(text: bytes) -> Iterator[str]:
    """The operations on faces that a source calls; what stands behind the sign of a comment is no call."""
    for match in _FACE_CALL.finditer(text):
        before = text[text.rfind(b"\n", 0, match.start()) + 1 : match.start()]
        if _COMMENT.search(before) is None:
            yield BY_NAME[(match[1] or match[2]).decode()]


def _shown(texts: list[bytes]) -> MediaCode | None:
    for pattern, looks, generates in ((_MODELS, False, True), (_LIBRARIES, False, False), (_SERVICES, True, False)):
        for text in texts:
            match = pattern.search(text)
            if match is not None:
                name = next(group for group in match.groups() if group is not None).decode("ascii", "replace")
                return MediaCode(name, looks and name.lower().startswith(("rekognition", "transcribe")), generates)
    return None


class _Reader:
    """Finds and reads the source of functions; each file once."""

    def __init__(self, top: Path, observer: Observer) -> None:
        self.top, self.observer = observer.real(top), observer
        self._read: dict[Path, bytes | None] = {}

    def texts(self, function: Resource) -> Iterator[bytes]:
        """The source of ``function``: what is written in the template, or the handler's file and what it imports from beside it."""
        code, handler = function.get("Code"), function.get("Handler")
        inline = inline_code(function)
        if inline is not None:
            yield inline.encode("utf-8", "replace")
            return
        place = code if isinstance(code, str) else "" if code == {} else None  # a serverless.yml has its code beside it
        if place is None or not isinstance(handler, str) or "://" in place or "${" in place + handler:
            return
        folder = Path(function.source.file or "").parent / place
        first = self.handler(folder, handler)
        todo, seen = [first] if first is not None else [], set[Path]()
        while todo and len(seen) < MAX_FILES:
            path = todo.pop(0)
            data = self.read(path)
            if path in seen or data is None:
                continue
            seen.add(path)
            yield data
            todo += self.imported(path, folder, data)

    def handler(self, folder: Path, handler: str) -> Path | None:
        """The file in which ``handler`` is written."""
        if _HANDLER.fullmatch(handler) and "." in handler:
            module = handler.rpartition(".")[0]
            for name in dict.fromkeys((module, module.replace(".", "/"))):
                for below in _FOLDERS:
                    found = self.one_of(folder, f"{below}{name}", (".py", *_SCRIPT))
                    if found is not None:
                        return found
        parts = handler.split("::")  # C#: Assembly::Namespace.Class::Method; Java: package.Class::method, or the class alone
        named = parts[1 if len(parts) == 3 else 0].rpartition(".")[2]
        if not named.isidentifier() or not self.is_dir(folder):
            return None
        wanted = tuple(f"/{named}{suffix}" for suffix in _COMPILED)
        listed = self.observer.below(folder, limit=_MAX_LISTED) or []
        return next((folder / name for name in listed if f"/{name}".endswith(wanted)), None)

    def imported(self, path: Path, folder: Path, data: bytes) -> Iterator[Path]:
        """The files below the code that ``path`` imports."""
        if path.suffix == ".py":
            for match in _PYTHON_IMPORT.finditer(data):
                for name in _python_names(match):
                    near = name.startswith(".")
                    bases = [path.parent] if near else [path.parent, folder]
                    plain = name.lstrip(".").replace(".", "/")
                    for base in bases if plain else ():
                        found = self.one_of(base, plain, (".py", "/__init__.py"))
                        if found is not None:
                            yield found
                            break
        elif path.suffix in _SCRIPT:
            for match in _SCRIPT_IMPORT.finditer(data):
                name = match[1].decode("utf-8", "replace")
                found = self.one_of(path.parent, name, ("", *_SCRIPT, "/index.ts", "/index.js"))
                if found is not None:
                    yield found

    def one_of(self, folder: Path, name: str, suffixes: tuple[str, ...]) -> Path | None:
        """The first file called ``name`` with one of ``suffixes``, if it stands below the top."""
        plain = posixpath.normpath(name)
        for suffix in suffixes:
            path = folder / f"{plain}{suffix}"
            try:
                if self.observer.is_file(path) and self.observer.real(path).is_relative_to(self.top):
                    return path
            except (OSError, ValueError, RuntimeError):
                return None
        return None

    def is_dir(self, folder: Path) -> bool:
        try:
            return self.observer.is_dir(folder) and self.observer.real(folder).is_relative_to(self.top)
        except (OSError, ValueError, RuntimeError):
            return False

    def read(self, path: Path) -> bytes | None:
        if path not in self._read:
            try:
                data = self.observer.read(path, limit=MAX_BYTES)
                self._read[path] = data.removeprefix(codecs.BOM_UTF8)  # Visual Studio begins sources of C# with it
            except BadInputError:
                self._read[path] = None  # too large or unreadable: no evidence
        return self._read[path]


def _python_names(match: re.Match[bytes]) -> Iterator[str]:
    """The modules that an import statement may mean: ``from a import b`` is ``a`` or ``a.b``."""
    origin, names, plain = (part.decode("ascii", "replace") if part is not None else "" for part in match.groups())
    for name in (part.split()[0] for part in (plain or names).split(",") if part.split()):
        yield name if plain else f"{origin}{'' if origin.endswith('.') else '.'}{name}"
    if origin.strip("."):
        yield origin
