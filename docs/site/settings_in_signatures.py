"""A griffe extension: a ``setting(default, help)`` field shows its default, and its help as its docstring."""

from __future__ import annotations

import ast

import griffe


class SettingsInSignatures(griffe.Extension):
    """Replaces the calls of ``setting`` before dataclasses' signatures are made."""

    def on_attribute_instance(self, *, node, attr, agent, **kwargs):
        """For each attribute that is found."""
        call = attr.value
        if isinstance(call, griffe.ExprCall) and str(call.function) == "setting":
            attr.value = call.arguments[0]
            if len(call.arguments) > 1 and isinstance(node, ast.AnnAssign) and len(node.value.args) > 1:
                about = node.value.args[1]
                if isinstance(about, ast.Constant):
                    attr.docstring = griffe.Docstring(about.value, parent=attr)
