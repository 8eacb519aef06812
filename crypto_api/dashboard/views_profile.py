"""The person themselves: name, user name, e-mail address, password."""

from contextlib import suppress

from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import get_language

from crypto_api.dashboard.access import Visitor, keep_language, personal, safe_next, to_log_in
from crypto_api.dashboard.entry import device_of, door_of, secret
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.step_up import confirmed
from crypto_api.dashboard.views_account import LENGTHS, NOT_A_USERNAME, TAKEN, TOO_MANY, new_password_problems
from crypto_api.flows.edit_profile import ProfileChanges, edit_profile
from crypto_api.flows.set_password import change_password
from crypto_api.identity.errors import InvalidToken, UsernameTaken
from crypto_api.identity.rules import fold, is_username
from crypto_api.kit.errors import InvalidInput, PreconditionFailed, TooManyRequests
from crypto_api.kit.languages import Language

FLASHES = {"saved": "Saved.", "email": "A letter with a link is on its way to the new address.", "email-kept": "The address stays as it is."}
CHANGED_ELSEWHERE = "Your profile was changed elsewhere in the meantime. Look at what it says now, and save again."


@personal
async def profile_page(visitor: Visitor) -> HttpResponse:
    if visitor.request.method != "POST":
        return _profile(visitor, {})
    form = Form(visitor.request, *LENGTHS, "language")
    first_name, last_name, username = (form.line(name, most=most) for name, most in LENGTHS.items())
    if not is_username(fold(username)):
        form.wrong("username", NOT_A_USERNAME)
    language = form.one_of("language", set(Language), needed=False)
    if form.errors:
        return _profile(visitor, form.given, form="about", errors=form.errors, status=422)
    changes = ProfileChanges(first_name, last_name, username, language=Language(language) if language else None)
    try:
        await edit_profile(door_of(visitor.runtime), visitor.principal, changes, version_of(visitor.request) or [], device_of(visitor.request).ip)
    except InvalidInput as error:
        problem = form.refused(error, form.given)
        return _profile(visitor, form.given, form="about", errors=form.errors, problem=problem, status=422)
    except UsernameTaken:
        return _profile(visitor, form.given, form="about", errors={"username": TAKEN}, status=409)
    except PreconditionFailed:
        return _profile(visitor, {}, form="about", problem=CHANGED_ELSEWHERE, status=412)
    return redirect("/profile/?done=saved")


@personal
async def choose_language(visitor: Visitor) -> HttpResponse:
    """In the menu of every page; the same page comes again in it."""
    only_post(visitor.request)
    chosen = visitor.request.POST.get("language", "")
    if chosen not in set(Language):
        raise Http404
    language, source = Language(chosen), device_of(visitor.request).ip
    for _ in range(2):  # a change of something else at the same moment does not concern it
        with suppress(PreconditionFailed):
            await edit_profile(door_of(visitor.runtime), visitor.principal, ProfileChanges(language=language), None, source)
            break
    onward = safe_next(visitor.request, visitor.request.POST.get("next", ""))
    return keep_language(visitor.request, redirect(onward), language)


@personal
@confirmed("/profile/#email-title")
async def change_email(visitor: Visitor) -> HttpResponse:
    if visitor.request.method != "POST":
        return redirect("/profile/")
    form = Form(visitor.request, "new_email")
    email = form.email("new_email")
    if form.errors:
        return _profile(visitor, form.given, form="email", errors=form.errors, status=422)
    try:
        after = await edit_profile(door_of(visitor.runtime), visitor.principal, ProfileChanges(email=email), None, device_of(visitor.request).ip)
    except TooManyRequests as error:
        return _profile(visitor, form.given, form="email", problem=TOO_MANY, wait_s=error.retry_after_s, status=429)
    except PreconditionFailed:
        return _profile(visitor, form.given, form="email", problem=CHANGED_ELSEWHERE, status=412)
    return redirect(f"/profile/?done={'email' if after.pending_email else 'email-kept'}")


def _profile(visitor: Visitor, given: dict[str, str], *, form: str = "", status: int = 200, **values: object) -> HttpResponse:
    user = visitor.user
    around = {
        "given": {name: getattr(user, name) for name in LENGTHS} | {"language": user.language or get_language()} | given,
        "form": form,
        "version": user.version,
        "email_verified": user.email_verified_at is not None,
        "pending_email": user.pending_email,
        "flash": FLASHES.get(visitor.request.GET.get("done", ""), ""),
    }
    return visitor.render("person/profile.html", around | values, status=status)


@personal
async def change_password_page(visitor: Visitor) -> HttpResponse:
    request = visitor.request
    if visitor.user.password_hash is None:
        return redirect("/security/")
    if request.method != "POST":
        return visitor.render("person/change_password.html")
    current, password = secret(request, "current_password"), secret(request, "new_password")
    errors = ({} if current else {"current_password": "is needed"}) | new_password_problems(password, secret(request, "again"))
    if errors:
        return visitor.render("person/change_password.html", {"errors": errors}, status=422)
    try:
        await change_password(door_of(visitor.runtime), visitor.principal, current, password)
    except InvalidInput as error:
        wrong = {row.field: row.message for row in error.errors}
        return visitor.render("person/change_password.html", {"errors": wrong}, status=422)
    except TooManyRequests as error:
        values = {"problem": "Too many wrong passwords.", "wait_s": error.retry_after_s}
        return visitor.render("person/change_password.html", values, status=429)
    except InvalidToken:
        return to_log_in(request)
    return redirect("/security/?done=password")
