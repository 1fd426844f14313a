"""A drawn paper to one that can be kept and read aloud for ever: PDF/A-3a and PDF/UA-1.

Added: the structure tree, metadata, the color space that all colors are meant in, and files inside of it.
Source: ISO 19005-3 (level A), ISO 14289-1. The same input gives the same bytes.
"""

from collections.abc import Sequence
from functools import cache
from io import BytesIO
from typing import Any
from xml.sax.saxutils import escape

import pikepdf
from pikepdf import Array, Dictionary, Name, String
from PIL import ImageCms

from storage.pdf.content import Attachment
from storage.pdf.tags import Node

# The moment at which the profile was made: Pillow writes the present one, and the bytes would differ each time.
ICC_DATE, ICC_ZERO = slice(24, 36), b"\x07\xd0\x00\x01\x00\x01\x00\x00\x00\x00\x00\x00"
MADE = "2000-01-01T00:00:00+00:00"
"""The same for every paper: when it was signed stands on it, and equal content must give equal bytes."""


def archive(
    drawn: bytes,
    root: Node,
    *,
    title: str,
    language: str,
    identifier: str = "",
    attachments: Sequence[Attachment] = (),
) -> bytes:
    """The paper as PDF/A-3a and PDF/UA-1; drawn: every operator stands inside a mark of `root` or of an artifact."""
    with pikepdf.open(BytesIO(drawn)) as pdf:
        _structure(pdf, root)
        pdf.Root.MarkInfo = Dictionary(Marked=True)
        pdf.Root.Lang = String(language)
        pdf.Root.ViewerPreferences = Dictionary(DisplayDocTitle=True)
        metadata = pdf.make_stream(_metadata(title, language, identifier).encode())
        metadata.Type, metadata.Subtype = Name.Metadata, Name.XML
        pdf.Root.Metadata = metadata
        pdf.Root.OutputIntents = Array([_colors(pdf)])
        if attachments:
            _attach(pdf, attachments)
        out = BytesIO()
        pdf.save(out, deterministic_id=True, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        return out.getvalue()


def _structure(pdf: pikepdf.Pdf, root: Node) -> None:
    tree = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
    pages: list[dict[int, Any]] = [{} for _ in pdf.pages]
    tree.K = Array([_element(pdf, root, tree, pages)])
    numbers = Array()
    for number, (page, marks) in enumerate(zip(pdf.pages, pages, strict=True)):
        page.obj.StructParents, page.obj.Tabs = number, Name.S
        numbers.append(number)
        numbers.append(pdf.make_indirect(Array([marks[mark] for mark in range(len(marks))])))
    tree.ParentTree = pdf.make_indirect(Dictionary(Nums=numbers))
    tree.ParentTreeNextKey = len(pages)
    pdf.Root.StructTreeRoot = tree


def _element(pdf: pikepdf.Pdf, node: Node, parent: Any, pages: list[dict[int, Any]]) -> Any:
    element = pdf.make_indirect(Dictionary(Type=Name.StructElem, S=Name(f"/{node.role}"), P=parent))
    kids = Array()
    for kid in node.kids:
        if isinstance(kid, Node):
            kids.append(_element(pdf, kid, element, pages))
        else:
            page, mark = kid
            kids.append(Dictionary(Type=Name.MCR, Pg=pdf.pages[page].obj, MCID=mark))
            pages[page][mark] = element
    element.K = kids
    if node.language:
        element.Lang = String(node.language)
    if node.alternative:
        element.Alt = String(node.alternative)
    if node.box:
        where = Array([round(value, 2) for value in node.box])
        element.A = Dictionary(O=Name.Layout, BBox=where, Placement=Name.Block)
    if node.scope:
        element.A = Dictionary(O=Name.Table, Scope=Name(f"/{node.scope}"))
    return element


def _colors(pdf: pikepdf.Pdf) -> Any:
    profile = pdf.make_stream(_srgb())
    profile.N = 3
    return Dictionary(
        Type=Name.OutputIntent,
        S=Name.GTS_PDFA1,
        OutputConditionIdentifier=String("sRGB IEC61966-2.1"),
        Info=String("sRGB IEC61966-2.1"),
        DestOutputProfile=profile,
    )


@cache
def _srgb() -> bytes:
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    profile[ICC_DATE] = ICC_ZERO
    return bytes(profile)


def _attach(pdf: pikepdf.Pdf, attachments: Sequence[Attachment]) -> None:
    names, associated = Array(), Array()
    for one in sorted(attachments, key=lambda attachment: attachment.name):
        stream = pdf.make_stream(one.data)
        stream.Type, stream.Subtype = Name.EmbeddedFile, Name("/" + one.kind)
        stream.Params = Dictionary(Size=len(one.data), ModDate=String("D:20000101000000+00'00'"))
        described = pdf.make_indirect(
            Dictionary(
                Type=Name.Filespec,
                F=String(one.name),
                UF=String(one.name),
                Desc=String(one.description),
                AFRelationship=Name.Source,  # what the paper was made from (ISO 19005-3 annex E)
                EF=Dictionary(F=stream, UF=stream),
            )
        )
        names.append(String(one.name))
        names.append(described)
        associated.append(described)
    pdf.Root.Names = Dictionary(EmbeddedFiles=Dictionary(Names=names))
    pdf.Root.AF = associated


def _metadata(title: str, language: str, identifier: str) -> str:
    """XMP, which qpdf leaves as text, so that a page can find the identifier without reading PDF; the mark of PDF/UA is no part of PDF/A's own set, so it brings its description along."""
    return f"""<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:pdf="http://ns.adobe.com/pdf/1.3/" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/"
 xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/" xmlns:pdfaExtension="http://www.aiim.org/pdfa/ns/extension/"
 xmlns:pdfaSchema="http://www.aiim.org/pdfa/ns/schema#" xmlns:pdfaProperty="http://www.aiim.org/pdfa/ns/property#">
{_identified(identifier)}<dc:format>application/pdf</dc:format>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">{escape(title)}</rdf:li></rdf:Alt></dc:title>
<dc:language><rdf:Bag><rdf:li>{escape(language)}</rdf:li></rdf:Bag></dc:language>
<xmp:CreatorTool>Dragonfly-Med</xmp:CreatorTool>
<xmp:CreateDate>{MADE}</xmp:CreateDate>
<xmp:ModifyDate>{MADE}</xmp:ModifyDate>
<xmp:MetadataDate>{MADE}</xmp:MetadataDate>
<pdf:Producer>ReportLab PDF Library</pdf:Producer>
<pdfaid:part>3</pdfaid:part>
<pdfaid:conformance>A</pdfaid:conformance>
<pdfuaid:part>1</pdfuaid:part>
<pdfaExtension:schemas><rdf:Bag><rdf:li rdf:parseType="Resource">
<pdfaSchema:schema>PDF/UA identification</pdfaSchema:schema>
<pdfaSchema:namespaceURI>http://www.aiim.org/pdfua/ns/id/</pdfaSchema:namespaceURI>
<pdfaSchema:prefix>pdfuaid</pdfaSchema:prefix>
<pdfaSchema:property><rdf:Seq><rdf:li rdf:parseType="Resource">
<pdfaProperty:name>part</pdfaProperty:name>
<pdfaProperty:valueType>Integer</pdfaProperty:valueType>
<pdfaProperty:category>internal</pdfaProperty:category>
<pdfaProperty:description>Part of ISO 14289 that is met</pdfaProperty:description>
</rdf:li></rdf:Seq></pdfaSchema:property>
</rdf:li></rdf:Bag></pdfaExtension:schemas>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="w"?>"""


def _identified(identifier: str) -> str:
    return f"<dc:identifier>{escape(identifier)}</dc:identifier>\n" if identifier else ""
