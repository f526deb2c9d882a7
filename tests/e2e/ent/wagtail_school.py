"""A school in Wagtail, for the lab's Internet: two pupils, each with a folder that nobody else may look into, and a page for all.

`wagtail_school.py HOME` fills the empty folder HOME; `./dev test` runs it once. `wagtail_school.py HOME PORT` serves it on loopback.
"""

import os
import pathlib
import sys

HOME = pathlib.Path(sys.argv[1])
os.environ["ECOLE_HOME"] = str(HOME)
os.environ["DJANGO_SETTINGS_MODULE"] = "ecole.settings"
PUPILS = [("lina", "Lina"), ("tom", "Tom")]


def fill():
    from django.contrib.auth.models import Group, Permission, User
    from django.core.management import call_command
    from wagtail.documents.models import Document
    from wagtail.models import Collection, CollectionViewRestriction, GroupCollectionPermission, Page

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    (HOME / "media").mkdir()
    lesson = Page(title="Les volcans", slug="volcans", search_description="Une montagne qui respire.")
    Page.objects.get(depth=2).add_child(instance=lesson)
    root = Collection.get_first_root_node()
    access = Permission.objects.get(content_type__app_label="wagtailadmin", codename="access_admin")
    documents = Permission.objects.filter(
        content_type__app_label=Document._meta.app_label, content_type__model="document",
        codename__in=["add_document", "change_document", "choose_document"],
    )
    for name, first in PUPILS:
        group = Group.objects.create(name=name)
        group.permissions.add(access)
        pupil = User.objects.create_user(name, password=f"{name}-402", first_name=first)
        pupil.groups.add(group)
        folder = root.add_child(name=f"Cahier de {first}")
        for permission in documents:
            GroupCollectionPermission.objects.create(group=group, collection=folder, permission=permission)
        closed = CollectionViewRestriction.objects.create(
            collection=folder, restriction_type=CollectionViewRestriction.GROUPS,
        )
        closed.groups.add(group)


def serve(port):
    from django.core.wsgi import get_wsgi_application
    import waitress

    waitress.serve(
        get_wsgi_application(), listen=f"127.0.0.1:{port}", threads=8, ident=None,
        trusted_proxy="127.0.0.1", trusted_proxy_headers={"x-forwarded-proto"},
    )


def main():
    import django

    django.setup()
    if len(sys.argv) > 2:
        serve(sys.argv[2])
    else:
        fill()


main()
