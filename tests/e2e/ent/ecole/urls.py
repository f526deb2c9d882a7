"""Where things are: what pupils sign in to, the documents, and pages for all, which say so as Wagtail's documentation has it."""

from django.conf import settings
from django.urls import include, path, re_path
from django.views.decorators.cache import cache_control
from django.views.static import serve
from wagtail import views
from wagtail.admin import urls as admin
from wagtail.documents import urls as documents
from wagtail.urls import serve_pattern

urlpatterns = [
    path("admin/", include(admin)),
    path("documents/", include(documents)),
    re_path("^static/(?P<path>.*)$", serve, {"document_root": settings.STATIC_ROOT}),
    re_path(serve_pattern, cache_control(public=True, max_age=1)(views.serve), name="wagtail_serve"),
]
