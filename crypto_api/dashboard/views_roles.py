"""Roles: the built-in ones in words, and those of the organisation's own."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from crypto_api.dashboard.access import Visit, page
from crypto_api.dashboard.forms import Form, only_post, version_of
from crypto_api.dashboard.role_words import PermissionGroup, about_role, built_in_name, permission_groups
from crypto_api.kit.errors import Conflict, CoreError, NotFound, PreconditionFailed
from crypto_api.kit.log import security
from crypto_api.organizations import service as organizations
from crypto_api.organizations import store
from crypto_api.organizations.documents import CustomRole
from crypto_api.organizations.errors import RoleExists
from crypto_api.organizations.types import GRANTABLE, MEMBER_ROLES, PERMISSIONS, Permission

NAME_MAX = 80
DESCRIPTION_MAX = 300
FLASHES = {
    "made": "The role was made. It can be given from now on.",
    "saved": "The role was saved. It counts for everybody who has it.",
    "deleted": "The role was deleted.",
}
CHANGED = "Somebody else has changed this role meanwhile. What stands there now was loaded below; look at it and save again."


@dataclass(frozen=True, slots=True)
class RoleRow:
    id: str
    name: str
    says: str
    groups: list[PermissionGroup]
    permissions: int
    members: int


@page(Permission.ROLES_READ)
async def list_page(visit: Visit) -> HttpResponse:
    held = await store.members_by_role(visit.org_id)
    built_in = [
        RoleRow(role.value, built_in_name(role), about_role(role), permission_groups(PERMISSIONS[role]), len(PERMISSIONS[role]), held.get(role, 0))
        for role in MEMBER_ROLES
    ]
    values = await _rows(visit, held)
    return visit.render("roles/list.html", values | {"built_in": built_in, "flash": FLASHES.get(visit.request.GET.get("done", ""), "")})


@page(Permission.ROLES_READ)
async def rows_fragment(visit: Visit) -> HttpResponse:
    return visit.render("roles/rows.html", await _rows(visit, await store.members_by_role(visit.org_id)))


async def _rows(visit: Visit, held: dict[str, int]) -> dict[str, object]:
    rows = [
        RoleRow(row.id, row.name, row.description, permission_groups(row.permissions), len(row.permissions), held.get(row.id, 0))
        for row in await store.custom_roles(visit.org_id)
    ]
    return {"roles": rows, "may_write": visit.may(Permission.ROLES_WRITE)}


@page(Permission.ROLES_WRITE)
async def add_page(visit: Visit) -> HttpResponse:
    if visit.request.method != "POST":
        return await _form(visit, None, {}, [])
    form, wanted = _read(visit)
    if form.errors:
        return await _form(visit, None, form.given, wanted, form.errors)
    now, permissions = visit.runtime.clock.now(), [Permission(value) for value in wanted]
    try:
        role = await visit.runtime.uow.run(
            lambda session: organizations.create_role(session, visit.principal, visit.org_id, form["name"], form["description"], permissions, now)
        )
    except RoleExists:
        return await _form(visit, None, form.given, wanted, {"name": "is that of another role already"}, status=409)
    except CoreError as error:
        return await _form(visit, None, form.given, wanted, problem=error.detail, status=error.status)
    security.info("role_created", by=visit.principal.user_id, org_id=visit.org_id, role_id=role.id)
    return redirect("/roles/?done=made")


@page(Permission.ROLES_WRITE)
async def edit_page(visit: Visit, role_id: str) -> HttpResponse:
    role = await store.custom_role(visit.org_id, role_id)
    if role is None:
        raise Http404
    if visit.request.method != "POST":
        return await _form(visit, role, _of(role), list(role.permissions), flash=FLASHES.get(visit.request.GET.get("done", ""), ""))
    form, wanted = _read(visit)
    given = form.given | {"version": str(role.version)}
    if form.errors:
        return await _form(visit, role, given, wanted, form.errors)
    now, versions = visit.runtime.clock.now(), version_of(visit.request)
    fields = {"name": form["name"], "description": form["description"], "permissions": [Permission(value) for value in wanted]}
    try:
        await visit.runtime.uow.run(lambda session: organizations.change_role(session, visit.principal, visit.org_id, role_id, fields, versions, now))
    except NotFound as error:
        raise Http404 from error
    except PreconditionFailed as error:
        return await _form(visit, role, _of(role), list(role.permissions), problem=CHANGED, status=error.status)
    except RoleExists:
        return await _form(visit, role, given, wanted, {"name": "is that of another role already"}, status=409)
    except CoreError as error:
        return await _form(visit, role, given, wanted, problem=error.detail, status=error.status)
    security.info("role_changed", by=visit.principal.user_id, org_id=visit.org_id, role_id=role_id, fields=sorted(fields))
    return redirect("/roles/?done=saved")


@page(Permission.ROLES_WRITE)
async def delete(visit: Visit, role_id: str) -> HttpResponse:
    only_post(visit.request)
    now = visit.runtime.clock.now()
    try:
        await visit.runtime.uow.run(lambda session: organizations.delete_role(session, visit.org_id, role_id, None, now))
    except NotFound as error:
        raise Http404 from error
    except Conflict as error:
        role = await store.custom_role(visit.org_id, role_id)
        if role is None:  # a built-in one
            raise Http404 from error
        return await _form(visit, role, _of(role), list(role.permissions), problem=error.detail, status=error.status)
    security.info("role_deleted", by=visit.principal.user_id, org_id=visit.org_id, role_id=role_id)
    return redirect("/roles/?done=deleted")


def _read(visit: Visit) -> tuple[Form, list[str]]:
    form = Form(visit.request, "name", "description")
    form.line("name", most=NAME_MAX)
    form.line("description", most=DESCRIPTION_MAX, needed=False)
    given = dict.fromkeys(visit.request.POST.getlist("permissions"))
    wanted = [value for value in given if value in GRANTABLE]
    if len(wanted) != len(given):
        form.wrong("permissions", "are not all among those offered")
    return form, wanted


def _of(role: CustomRole) -> dict[str, str]:
    return {"name": role.name, "description": role.description, "version": str(role.version)}


async def _form(
    visit: Visit,
    role: CustomRole | None,
    given: dict[str, str],
    held: list[str],
    errors: dict[str, str] | None = None,
    *,
    status: int | None = None,
    **values: object,
) -> HttpResponse:
    """What whoever edits it does not have themselves stays where it is given already, and cannot be added."""
    around = {
        "role": role,
        "given": given,
        "errors": errors,
        "groups": permission_groups(held, visit.principal.permissions),
        "members": (await store.members_by_role(visit.org_id)).get(role.id, 0) if role else 0,
    }
    return visit.render("roles/edit.html", around | values, status=status or (422 if errors else 200))
