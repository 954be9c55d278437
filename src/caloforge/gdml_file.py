"""A GDML file with its parts (entities, modules), as Geant4 will read them: bytes and names.

GDML is XML. Large geometries are cut into files: entities (``<!ENTITY materials SYSTEM
"materials.xml">``) and modules (``<file name="barrel.gdml"/>``).
"""

import hashlib
import xml.sax
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from xml.sax.handler import ContentHandler, EntityResolver, feature_external_ges
from xml.sax.xmlreader import AttributesImpl, InputSource

from caloforge.errors import DetectorError
from caloforge.provenance import json_digest


@dataclass(frozen=True)
class GdmlFile:
    """What a GDML file holds.

    Attributes
    ----------
    name : the file, from which ``parts`` are reached.
    parts : bytes of it and of what it includes, by names relative to its folder.
    volumes : the material's name of each logical volume, by its name.
    has_loops : whether volumes are made in loops, so that their names are known to Geant4 alone.
    setup : name of the first setup, which names the world's volume.
    """

    name: str
    parts: dict[str, bytes]
    volumes: dict[str, str]
    has_loops: bool
    setup: str

    @property
    def digest(self) -> str:
        """SHA-256 of the file's bytes, of the names and digests of its parts where it has some."""
        each = {
            name: "sha256:" + hashlib.sha256(part).hexdigest() for name, part in self.parts.items()
        }
        return each[self.name] if len(each) == 1 else json_digest(each)

    def write(self, folder: Path) -> Path:
        """Lay the parts out in a folder; returns the file's place."""
        for name, part in self.parts.items():
            place = folder / name
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(part)
        return folder / self.name


def plain_name(name: str) -> str:
    """A volume's or material's name without the address that Geant4 appends when it writes.

    >>> plain_name("Absorber0x55d0c8a3b0a0")
    'Absorber'
    """
    return name.partition("0x")[0]


def read_gdml(path: Path) -> GdmlFile:
    """Read a GDML file and its parts.

    Raises
    ------
    DetectorError
        if a file is missing, is not GDML, names no world, or lies elsewhere than in the first
        one's folder.
    """
    parts = _Parts(path.parent)
    first = parts.parse(path.name)
    if not first.setups:
        msg = f"{path} names no world: it has no <setup>"
        raise DetectorError(msg)
    volumes, has_loops, waiting = first.volumes, first.has_loops, first.modules
    while waiting:
        name = waiting.pop()
        if name not in parts.content:
            module = parts.parse(name)
            volumes |= module.volumes
            has_loops |= module.has_loops
            waiting += module.modules
    return GdmlFile(path.name, parts.content, volumes, has_loops, first.setups[0])


@dataclass
class _Parts(EntityResolver):
    """Parses files of a folder, and keeps the bytes of all that it was asked for."""

    folder: Path
    content: dict[str, bytes] = field(default_factory=dict)

    def parse(self, name: str) -> "_Names":
        names = _Names()
        parser = xml.sax.make_parser()
        parser.setFeature(feature_external_ges, True)
        parser.setEntityResolver(self)
        parser.setContentHandler(names)
        path = self.folder / name
        try:
            parser.parse(self.resolveEntity(None, name))
        except xml.sax.SAXParseException as problem:
            where = f"line {problem.getLineNumber()}"
            msg = f"{path} is not GDML: {problem.getMessage()} ({where})"
            raise DetectorError(msg) from None
        if names.root != "gdml":
            msg = f"{path} is not GDML: its outermost element is <{names.root}>, not <gdml>"
            raise DetectorError(msg)
        return names

    def resolveEntity(self, publicId: str | None, systemId: str) -> Any:
        """The bytes of a part, named relative to the folder, as an InputSource."""
        inside = PurePosixPath(systemId)
        if inside.is_absolute() or ".." in inside.parts or ":" in systemId:
            msg = f"{self.folder}: '{systemId}' must lie in this folder, with the GDML file"
            raise DetectorError(msg)
        try:
            part = (self.folder / inside).read_bytes()
        except OSError as problem:
            msg = f"cannot read {self.folder / inside}: {problem.strerror}"
            raise DetectorError(msg) from None
        self.content[str(inside)] = part
        source = InputSource(systemId)
        source.setByteStream(BytesIO(part))
        return source


class _Names(ContentHandler):
    """Collects the names in one file."""

    def __init__(self) -> None:
        super().__init__()
        self.root = ""
        self.volumes: dict[str, str] = {}
        self.modules: list[str] = []
        self.setups: list[str] = []
        self.has_loops = False
        self._volume = ""

    def startElement(self, name: str, attrs: AttributesImpl) -> None:
        self.root = self.root or name
        if name == "volume":
            self._volume = plain_name(attrs.get("name", ""))
        elif name == "materialref" and self._volume:
            self.volumes[self._volume] = plain_name(attrs.get("ref", ""))
        elif name == "file":
            self.modules.append(attrs.get("name", ""))
        elif name == "setup":
            self.setups.append(attrs.get("name", ""))
        self.has_loops |= name == "loop"

    def endElement(self, name: str) -> None:
        if name == "volume":
            self._volume = ""
