"""Shows in MLflow 3.17.2's pages what works on this server, and the way to one's own account.

The pages offer what the server refuses: MLflow Assistant (where the address is localhost it even opens by itself), demo data and
webhooks to users who are no administrators, connections to providers without an AI gateway, and the switch of usage telemetry,
which is off here. Some of it is decided by what the browser stored, so that is stored before the page starts; the rest is hidden
by style. The server's own refusals stay what protects it.

The menu of mlflow-oidc-auth 11.0.2 has neither the page for tokens nor Keycloak's for the password, so it gets both.
"""

import glob
import json
import os

from mlflow.server import app as flask_app
from mlflow_oidc_auth import hack
from mlflow_oidc_auth.bridge import get_fastapi_admin_status
from mlflow_oidc_auth.config import config

from mlflow_sso import disabled_features, upstream_guard

# MLflow's keys in the browser's storage, and what is to be there.
STORED = {
    "mlflow.telemetry.info.alert.dismissed": "true",
    "mlflow.settings.telemetry.enabled": "false",
    "mlflow.assistant.fab.autoOpenedOnFirstLoad": "true",
    "mlflow.assistant.panelOpen": "false",
}
VERSION = "_v1"
_SET = "".join(f'localStorage.setItem("{key}{VERSION}","{value}");' for key, value in STORED.items())
SCRIPT = f"<script>try{{{_SET}}}catch(e){{}}</script>"
START = "<head>"


def _row(button):
    """The row of MLflow's settings that a control is in."""
    return f'div:has(> div > [data-component-id="{button}"])'


def _entry(page):
    """An entry of the menu."""
    return f'li:has(> a[href="#/settings/{page}"])'


DEMO, CLEAR, TELEMETRY = "mlflow.home.demo-banner.launch", "mlflow.settings.demo.clear-all-button", "mlflow.settings.telemetry.toggle-switch"
ASSISTANT = "mlflow.experiment_side_nav.assistant_button"
WEBHOOKS, CONNECTIONS = "webhooks", "llm-connections"
FOR_ALL = ('[data-assistant-ui="true"]', f'[data-component-id="{ASSISTANT}"]', _row(TELEMETRY))
# The plugin refuses these to all users but administrators.
FOR_MEMBERS = (f'div:has(> [data-component-id="{DEMO}"])', _row(CLEAR), _entry(WEBHOOKS), _entry(CONNECTIONS))

# An entry of the plugin's menu, and the entries that follow it.
PERMISSIONS = '{ label: "Permissions", href: BASE_PATH + "/oidc/ui/user", icon: "lock" },'
TOKENS = '{ label: "Tokens", href: BASE_PATH + "/oidc/ui/user/tokens", icon: "lock" },'


def hidden(is_admin, gateway, webhooks):
    """The selectors of what is not shown to the caller."""
    off = [_entry(page) for page, on in ((WEBHOOKS, webhooks), (CONNECTIONS, gateway)) if not on]
    return list(dict.fromkeys([*FOR_ALL, *(() if is_admin else FOR_MEMBERS), *off]))


def style(selectors):
    """A style for each selector: a browser that does not know `:has` drops that one alone."""
    return "<style>" + "".join(f"{selector}{{display:none!important}}" for selector in selectors) + "</style>"


def account(issuer):
    """The menu's entry for the account page of Keycloak: password, second factor, sessions."""
    address = json.dumps(issuer.rstrip("/") + "/account").replace("<", "\\u003c")
    return f'{{ label: "Password and 2FA", href: {address}, icon: "user" }},'


def change_pages(application=flask_app, variables=os.environ):
    """Makes MLflow's start page begin with all of it."""
    folder = os.path.join(application.static_folder, "static", "js")
    _expect(folder)
    gateway, webhooks = disabled_features.gateway_is_on(variables), disabled_features.webhooks_are_on(variables)
    styles = {is_admin: style(hidden(is_admin, gateway, webhooks)) for is_admin in (True, False)}
    menu = PERMISSIONS + TOKENS + account(config.OIDC_ISSUER)
    plugins_own = application.view_functions["serve"]

    def serve():
        answer = plugins_own()
        if not isinstance(answer, str):
            return answer
        return answer.replace(START, START + SCRIPT + styles[get_fastapi_admin_status()], 1).replace(PERMISSIONS, menu, 1)

    application.view_functions["serve"] = serve


def _expect(folder):
    """Raises unless the pages have what is stored and what is hidden."""
    wanted = {f'"{name}"' for name in (*STORED, DEMO, CLEAR, TELEMETRY, ASSISTANT, WEBHOOKS, CONNECTIONS, "data-assistant-ui")}
    found = set()
    for source in glob.glob(os.path.join(folder, "*.js")):
        with open(source, encoding="utf-8") as file:
            text = file.read()
        found |= {name for name in wanted - found if name in text}
    upstream_guard.same("names in MLflow's pages", found, wanted)
    upstream_guard.same("the plugin's menu", hack._read_snippet("menu.html").count(PERMISSIONS), 1)
    upstream_guard.needed("page_features", "/account" in hack._read_snippet("menu.html"), "the plugin's menu has the account page")
