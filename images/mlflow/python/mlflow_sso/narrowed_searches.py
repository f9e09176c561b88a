"""Restricts a member's search to readable rows, instead of filtering page after page.

mlflow-oidc-auth 11.0.2 removes unreadable rows from a page of MLflow 3.17.2's search and fetches further
pages of the same size until the page is full. For a member who may read 30 of 5,000 experiments, a page of 25
took 150 to 200 searches.

Here the four searches get a condition with the names or IDs that the member may read. The decisions are the
plugin's own (`grant_context.resolve`), one for all names that match the same patterns. The plugin's filter
still checks each row of the result: the condition can only remove rows. If this is not possible (workspaces,
a database that compares names differently, very long conditions), the search is MLflow's.
"""

import contextvars
import functools
import re

from flask import g, has_request_context, request
from mlflow.prompt.constants import IS_PROMPT_TAG_KEY
from mlflow.store.model_registry.dbmodels.models import SqlModelVersion, SqlRegisteredModel, SqlRegisteredModelTag
from mlflow.store.model_registry.sqlalchemy_store import SqlAlchemyStore as Registry
from mlflow.store.tracking.dbmodels.models import SqlExperiment, SqlLoggedModel
from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore as Tracking
from mlflow.utils.search_utils import SearchModelUtils
from mlflow_oidc_auth.config import config
from mlflow_oidc_auth.hooks import after_request
from mlflow_oidc_auth.permissions import get_permission
from mlflow_oidc_auth.utils.grant_context import EXPERIMENT, PROMPT, REGISTERED_MODEL, GrantContext, resolve
from mlflow_oidc_auth.utils.prompt_kind import remember_kind
from sqlalchemy import func, select

from mlflow_sso import upstream_guard

# Values in one condition; databases limit the number in a statement.
MOST = 10_000
_SEARCH = re.compile(r"/(?:ajax-)?api/2\.0/mlflow/(?:experiments|registered-models|model-versions|logged-models)/search")
# For the current search: the mapped class, and the condition on it.
_condition = contextvars.ContextVar("condition", default=(None, None))
_PROMPTS = select(SqlRegisteredModelTag.name).where(SqlRegisteredModelTag.key == IS_PROMPT_TAG_KEY, func.lower(SqlRegisteredModelTag.value) == "true")


def narrow_searches():
    """Patches both store classes in place."""
    expect()
    Tracking.search_experiments = _narrowed(Tracking.search_experiments, _experiments, SqlExperiment, SqlExperiment.experiment_id)
    Tracking.search_logged_models = _narrowed(Tracking.search_logged_models, _experiments, SqlLoggedModel, SqlLoggedModel.experiment_id)
    Registry.search_registered_models = _narrowed(Registry.search_registered_models, _models, SqlRegisteredModel, SqlRegisteredModel.name)
    Registry.search_model_versions = _with_kinds(_narrowed(Registry.search_model_versions, _versions, SqlModelVersion, SqlModelVersion.name))
    experiment_clauses, registry_clauses, query = Tracking._experiment_where_clauses, Registry._get_workspace_clauses, Tracking._get_query

    def _experiment_where_clauses(self):
        return [*experiment_clauses(self), *_clauses(SqlExperiment)]

    def _get_workspace_clauses(self, model):
        return [*registry_clauses(self, model), *_clauses(model)]

    def _get_query(self, session, model):
        return query(self, session, model).filter(*_clauses(model))

    Tracking._experiment_where_clauses, Registry._get_workspace_clauses, Tracking._get_query = _experiment_where_clauses, _get_workspace_clauses, _get_query


def expect(tracking=Tracking, registry=Registry, hook=after_request):
    """Raises unless the searches ask these functions for conditions, and the plugin filters page by page."""
    upstream_guard.uses(tracking._search_experiments, "_experiment_where_clauses")
    upstream_guard.uses(tracking.search_experiments, "_search_experiments")
    upstream_guard.uses(tracking.search_logged_models, "_get_query", "SqlLoggedModel")
    upstream_guard.uses(registry.search_registered_models, "_get_search_registered_model_filter_query")
    upstream_guard.uses(registry._get_search_registered_model_filter_query, "_get_workspace_clauses", "SqlRegisteredModel")
    upstream_guard.uses(registry.search_model_versions, "_get_search_model_versions_filter_clauses")
    upstream_guard.uses(registry._get_search_model_versions_filter_clauses, "_get_workspace_clauses", "SqlModelVersion")
    upstream_guard.takes(tracking._experiment_where_clauses, "self")
    upstream_guard.takes(tracking._get_query, "self", "session", "model")
    upstream_guard.takes(registry._get_workspace_clauses, "self", "model")
    upstream_guard.has(GrantContext, "names_in_memory", "direct", "patterns", "note_experiment")
    upstream_guard.takes(resolve, "ctx", "resource_type", "resource_id", "name", "resource_workspace")
    upstream_guard.takes(hook._request_grant_context, "username")
    upstream_guard.takes(remember_kind, "name", "is_prompt")
    for search in registry.search_registered_models, registry.search_model_versions:
        upstream_guard.takes(search, "self", "filter_string", "max_results", "order_by", "page_token")
    for query in registry._get_search_registered_model_filter_query, registry._get_search_model_versions_filter_clauses:
        upstream_guard.uses(query, "_is_querying_prompt", "_update_query_to_exclude_prompts")
    for name in ("_filter_search_experiments", "_filter_search_registered_models", "_filter_search_model_versions", "_filter_search_logged_models"):
        upstream_guard.uses(getattr(hook, name), "_top_up_page")
    upstream_guard.needed("narrowed_searches", not upstream_guard.refers(hook._top_up_page, "fetch"), "the plugin does not fetch page after page")


def _clauses(model):
    wanted, condition = _condition.get()
    return [condition] if wanted is model and condition is not None else []


def _narrowed(search, readable, model, column):
    @functools.wraps(search)
    def narrowed(self, *arguments, **options):
        condition = _of_request(self, readable, column, arguments, options)
        before = _condition.set((model, condition))
        try:
            page = search(self, *arguments, **options)
        finally:
            _condition.reset(before)
        _note(page)
        return page

    return narrowed


def _note(page):
    """Saves the plugin's filter a query for the name of each row's experiment."""
    names = g.get("mlflow_sso_names") if has_request_context() else None
    if names and page:
        ctx = after_request._request_grant_context(after_request.get_fastapi_username())
        for row in page:
            identifier = int(row.experiment_id)
            ctx.note_experiment(str(identifier), names.get(identifier))


def _of_request(store, readable, column, arguments, options):
    """The condition for the member's search; None for everything else."""
    if not has_request_context() or not _SEARCH.fullmatch(request.path) or config.MLFLOW_ENABLE_WORKSPACES or after_request.get_fastapi_admin_status():
        return None
    if "mlflow_sso_readable" not in g:  # a request for a further page
        ctx = after_request._request_grant_context(after_request.get_fastapi_username())
        g.mlflow_sso_readable = readable(store, ctx, *arguments, **options) if ctx.names_in_memory() else None
    if g.mlflow_sso_readable is None:
        return None
    allowed, denied = g.mlflow_sso_readable
    if denied is not None and len(denied) < len(allowed):
        return column.not_in(denied) if 0 < len(denied) <= MOST else None
    return column.in_(allowed) if len(allowed) <= MOST else None


def _experiments(store, ctx, *_, **__):
    """Readable IDs and unreadable ones (None: all others)."""
    if _only_direct(ctx, EXPERIMENT):
        return {int(key) for key in _direct(ctx, EXPERIMENT) if _may_read(ctx, EXPERIMENT, key, None)}, None
    with store.ManagedSessionMaker() as session:
        rows = session.execute(select(SqlExperiment.experiment_id, SqlExperiment.name)).all()
    g.mlflow_sso_names = {row.experiment_id: row.name for row in rows}
    return _split(ctx, EXPERIMENT, ((identifier, str(identifier), name) for identifier, name in rows))


def _models(store, ctx, filter_string=None, *_, **__):
    """The same for the names of a search of registered models: prompts, or everything else."""
    if store._is_querying_prompt(SearchModelUtils.parse_search_filter(filter_string)):
        return _by_kind(store, ctx, _PROMPTS, None)
    # The plugin's definition of a prompt differs from MLflow's.
    return _by_kind(store, ctx, _PROMPTS.where(SqlRegisteredModelTag.value != "true"), select(SqlRegisteredModel.name))


def _versions(store, ctx, *_, **__):
    """The same for a search of versions, which have their own tags that mark a prompt for MLflow."""
    return _by_kind(store, ctx, _PROMPTS, select(SqlRegisteredModel.name))


def _by_kind(store, ctx, prompts, names):
    """Decides for prompts, and for all other names."""
    if _only_direct(ctx, PROMPT) and (names is None or _only_direct(ctx, REGISTERED_MODEL)):
        return {key for key in _direct(ctx, PROMPT) if _may_read(ctx, PROMPT, key, key)}, None
    with store.ManagedSessionMaker() as session:
        prompts = set(session.execute(prompts).scalars())
        others = [] if names is None else [name for name in session.execute(names).scalars() if name not in prompts]
    decided = [_split(ctx, kind, ((name, name, name) for name in some)) for kind, some in ((PROMPT, prompts), (REGISTERED_MODEL, others))]
    return None if None in decided else tuple(set.union(*sets) for sets in zip(*decided, strict=True))


def _with_kinds(search):
    """Loads the models of a page of prompt versions for the plugin's filter, which would load them one by one."""

    @functools.wraps(search)
    def searched(self, *arguments, **options):
        page = search(self, *arguments, **options)
        if has_request_context() and _SEARCH.fullmatch(request.path) and page and not after_request.get_fastapi_admin_status():
            names = {version.name for version in page}
            with self.ManagedSessionMaker() as session:
                prompts = set(session.execute(_PROMPTS.where(SqlRegisteredModelTag.name.in_(names))).scalars())
            for name in names:
                remember_kind(name, name in prompts)
        return page

    return searched


def _only_direct(ctx, kind):
    """Whether an object without a grant of its own is unreadable, whatever its name is."""
    return not get_permission(config.DEFAULT_MLFLOW_PERMISSION).can_read and not _patterns(ctx, kind)


def _direct(ctx, kind):
    grants = ctx.direct(kind)
    return {*grants.user, *grants.group}


def _patterns(ctx, kind):
    patterns = ctx.patterns(kind)
    return (*patterns.regex, *patterns.group_regex)


def _split(ctx, kind, rows):
    """For rows of value, grant key and name: the readable values, and the others."""
    direct, expressions = _direct(ctx, kind), [rule.compiled for rule in _patterns(ctx, kind)]
    if None in expressions:
        return None  # an invalid one: the plugin reports it
    by_patterns, allowed, denied = {}, set(), set()
    for value, key, name in rows:
        if key in direct:
            may = _may_read(ctx, kind, key, name)
        else:
            # Without a grant of its own, only the matching patterns decide.
            matched = tuple([expression.match(name) is not None for expression in expressions])
            if matched not in by_patterns:
                by_patterns[matched] = _may_read(ctx, kind, key, name)
            may = by_patterns[matched]
        (allowed if may else denied).add(value)
    return allowed, denied


def _may_read(ctx, kind, key, name):
    return resolve(ctx, kind, key, name=name if kind == EXPERIMENT else None).permission.can_read
