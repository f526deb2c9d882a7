"""A school in Kolibri, for the lab's Internet: two pupils, and a channel with a film and a document.

`kolibri_school.py HOME` fills the empty folder HOME; `./dev test` runs it once. Nothing is fetched: the film is made here, of noise
that does not compress, so that a jump in it has to be asked for.
"""

import hashlib
import os
import pathlib
import random
import sys
import uuid

HOME = pathlib.Path(sys.argv[1])
os.environ["KOLIBRI_HOME"] = str(HOME)
# Seconds, pictures a second, and the size of one.
SECONDS, RATE, WIDTH, HEIGHT = 60, 5, 320, 240
PUPILS = [("lina", "Lina"), ("tom", "Tom")]


def film(path):
    """A film in WebM with a clock-like bar that moves, and noise around it."""
    import av

    chance = random.Random(7)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libvpx", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.bit_rate, stream.gop_size = 1_000_000, RATE
        stream.options = {"deadline": "realtime", "cpu-used": "8"}
        for number in range(SECONDS * RATE):
            picture = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            bar = WIDTH * number // (SECONDS * RATE)
            line = lambda: bytes(bar) + chance.randbytes(WIDTH - bar)
            noise = chance.randbytes(WIDTH) * (HEIGHT // 3)
            picture.planes[0].update(noise + b"".join(line() for _ in range(HEIGHT // 3)) + noise)
            for plane in picture.planes[1:]:
                plane.update(b"\x60" * plane.buffer_size)
            for packet in stream.encode(picture):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)


def document(path):
    """A PDF of one page, with chance behind its end so that it has some size."""
    text = b"BT /F1 24 Tf 72 720 Td (Le volcan : une montagne qui respire) Tj ET"
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R "
        b"/Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(text), text),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    out, places = bytearray(b"%PDF-1.4\n"), []
    out += b"%" + random.Random(7).randbytes(50_000).replace(b"\n", b".").replace(b"\r", b".") + b"\n"
    for number, part in enumerate(parts, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    start = len(out)
    out += b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % place for place in places)
    out += b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % start
    path.write_bytes(out)


def keep(path):
    """Puts a file where Kolibri looks for it, by the MD5 of its bytes, and notes it."""
    from kolibri.core.content.models import LocalFile
    from kolibri.core.content.utils.paths import get_content_storage_file_path

    name = hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
    place = pathlib.Path(get_content_storage_file_path(f"{name}{path.suffix}"))
    place.parent.mkdir(parents=True, exist_ok=True)
    size = path.stat().st_size
    path.rename(place)
    return LocalFile.objects.create(id=name, extension=path.suffix[1:], available=True, file_size=size)


def fill():
    from kolibri.core.auth.models import Facility, FacilityUser
    from kolibri.core.content.models import ChannelMetadata, ContentNode, File

    facility = Facility.objects.get()
    facility.dataset.learner_can_login_with_no_password = False
    facility.dataset.learner_can_edit_password = True
    facility.dataset.save()
    for name, full in PUPILS:
        pupil = FacilityUser(username=name, full_name=full, facility=facility)
        pupil.set_password(f"{name}-402")
        pupil.save()

    channel = uuid.uuid5(uuid.NAMESPACE_DNS, "volcans.example").hex

    def node(name, title, kind, parent=None):
        number = uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.volcans.example").hex
        return ContentNode.objects.create(
            id=number, content_id=number, channel_id=channel, title=title, kind=kind, parent=parent,
            available=True, license_name="CC BY", license_owner="École du Laboratoire", sort_order=1.0,
        )

    root = node("tout", "Les volcans", "topic")
    for name, title, kind, suffix, make, preset in [
        ("film", "Le volcan en film", "video", ".webm", film, "high_res_video"),
        ("fiche", "La fiche du volcan", "document", ".pdf", document, "document"),
    ]:
        path = HOME / f"{name}{suffix}"
        make(path)
        leaf = node(name, title, kind, root)
        File.objects.create(
            id=uuid.uuid4().hex, local_file=keep(path), contentnode=leaf, preset=preset, priority=1,
        )
    ChannelMetadata.objects.create(
        id=channel, name="Les volcans", description="Pour la classe de CM2", author="Le laboratoire",
        version=1, min_schema_version="1", root=root, total_resource_count=2, public=True,
    )
    print(channel)


def main():
    from kolibri.utils.main import initialize

    initialize()
    from django.core.management import call_command

    call_command(
        "provisiondevice", facility="École du Laboratoire", superusername="maitresse",
        superuserpassword="maitresse-402", preset="formal", language_id="fr-fr", interactive=False,
    )
    fill()


main()
