"""Pictures of strangers: what comes out is ours, and what is no picture is refused."""

import struct
import zlib
from io import BytesIO

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from crypto_api.adapters.image_reader import BYTES_MAX, read_picture
from crypto_api.kit.errors import InvalidInput


def picture(form: str = "PNG", size: tuple[int, int] = (40, 20), mode: str = "RGBA", **more: object) -> bytes:
    out = BytesIO()
    Image.new(mode, size, (200, 0, 0, 0) if mode == "RGBA" else (200, 0, 0)).save(out, form, **more)
    return out.getvalue()


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def bomb(side: int) -> bytes:
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", zlib.compress(b"\0" * 1000)) + _chunk(b"IEND", b"")


async def test_it_is_written_anew_on_white_and_nothing_else_of_it_is_left() -> None:
    told = PngInfo()
    told.add_text("Comment", "<script>alert(1)</script>")
    made = await read_picture(picture(pnginfo=told) + b"<?php behind the end ?>")
    with Image.open(BytesIO(made)) as found:
        assert (found.format, found.mode, found.size, found.getpixel((0, 0))) == ("PNG", "RGB", (40, 20), (255, 255, 255))
    assert b"script" not in made and b"php" not in made
    with Image.open(BytesIO(await read_picture(picture("JPEG", (2400, 600), "RGB")))) as large:
        assert large.size == (1200, 300)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "neither PNG nor JPEG"),
        (b"", "neither PNG nor JPEG"),
        (picture("GIF", mode="RGB"), "neither PNG nor JPEG"),
        (picture()[:60], "damaged"),
        (bomb(30_000), "pixels"),
        (bomb(5_000), "pixels"),
        (b"\0" * (BYTES_MAX + 1), "larger than 2 MB"),
    ],
    ids=["svg", "nothing", "gif", "cut", "bomb", "large", "heavy"],
)
async def test_what_is_no_picture_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        await read_picture(content)
    assert (refused.value.errors[0].field, said in refused.value.errors[0].message) == ("file", True), refused.value.errors
