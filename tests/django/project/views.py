from pathlib import Path

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from tests.leftovers import leftovers


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    """Show what a view sees of a request that the gateway left to the project."""
    return JsonResponse(
        {
            "path": request.path,
            "body": request.body.decode(),
            "again": request.read().decode(),
            "form": request.POST.dict(),
            "outcome": request.llmgw.decision.outcome if hasattr(request, "llmgw") else None,
        }
    )


def protected(request: HttpRequest) -> HttpResponse:
    return HttpResponse("past the CSRF check")


@csrf_exempt
def who(request: HttpRequest) -> HttpResponse:
    return HttpResponse(f"{request.user.get_username() or 'nobody'}")


def held(request: HttpRequest) -> HttpResponse:
    """Count the connections that this process holds to its database: sqlite has a file open for each."""
    database = str(settings.DATABASES["default"]["NAME"])
    links = (link for link in Path("/proc/self/fd").iterdir() if link.is_symlink())
    return HttpResponse(str(sum(_target(link) == database for link in links)))


def inside(request: HttpRequest) -> HttpResponse:
    """Tell what this process has in hand for callers."""
    return JsonResponse(leftovers())


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:  # the descriptor that lists the folder is gone by now
        return ""
