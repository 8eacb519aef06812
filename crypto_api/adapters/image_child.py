"""`python -I image_child.py INPUT OUTPUT`: a picture that a stranger sent (PNG or JPEG) as a PNG of ours: read to its pixels and written anew, so
that nothing else of the file is left. Run bounded (`limited_child.py`): a picture may be made to be huge when it is opened. What is wrong with it is
written instead, as text.
"""

import sys
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

SIDE_MAX, PIXELS_MAX = 8_000, 16_000_000
FITS = (1_200, 480)  # pixels: 60 mm at 500 dpi
Image.MAX_IMAGE_PIXELS = PIXELS_MAX


def main() -> None:
    given, made = sys.argv[1:3]
    Path(made).write_bytes(_made(Path(given).read_bytes()))


def _made(content: bytes) -> bytes:
    try:
        with Image.open(BytesIO(content), formats=["PNG", "JPEG"]) as picture:
            if max(picture.size) > SIDE_MAX or picture.width * picture.height > PIXELS_MAX:
                return f"is {picture.width} by {picture.height} pixels: at most {SIDE_MAX} a side and {PIXELS_MAX} in all".encode()
            return _written(ImageOps.exif_transpose(picture).convert("RGBA"))
    except UnidentifiedImageError:
        return b"is neither PNG nor JPEG. An SVG is a program: export it as PNG"
    except Image.DecompressionBombError:
        return f"has more than {PIXELS_MAX} pixels".encode()
    except (OSError, SyntaxError, ValueError):
        return b"is damaged: it cannot be read to its end"


def _written(picture: Image.Image) -> bytes:
    """On white, as on paper: what is printed knows no transparency."""
    picture.thumbnail(FITS)
    flat = Image.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture.getchannel("A"))
    out = BytesIO()
    flat.save(out, "PNG", optimize=True)
    return out.getvalue()


if __name__ == "__main__":
    main()
