"""Runs a script of PowerShell, as far as recover.ps1 needs the language: there is none on the systems that this is tested on.

powershell.py SCRIPT FACTS WORD...: WORDs are the script's. Its files are this system's (a backslash is a slash there); what this
system does not keep of a file, FACTS is told at the end: a line for each with its path, attributes and time of making.
What it does not know of the language ends it with exit code 99.
"""
import datetime
import functools
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from decimal import Decimal

import tree_sitter
import tree_sitter_powershell


class Unknown(Exception):
    """Of the language, or of what comes with it: no script catches it."""


class Failure(Exception):
    """What a script may catch."""


class Exit(Exception):
    pass


class Break(Exception):
    pass


class Continue(Exception):
    pass


class Return(Exception):
    pass


NOTHING = object()


class Table:
    """A hashtable: names are the same whatever their case is."""

    def __init__(self, pairs=()):
        self.items = {}
        for key, value in pairs:
            self[key] = value

    @staticmethod
    def key(key):
        return key.lower() if isinstance(key, str) else key

    def __getitem__(self, key):
        return self.items.get(self.key(key), (None, None))[1]

    def __setitem__(self, key, value):
        kept = self.items.get(self.key(key), (key,))[0]
        self.items[self.key(key)] = (kept, value)


class Record(Table):
    """What JSON calls an object."""


class Dictionary(Table):
    """Names that differ in case are different ones; what is not in it is no place to look at."""

    @staticmethod
    def key(key):
        return key

    def __getitem__(self, key):
        if key not in self.items:
            raise Failure(f"not in the dictionary: {key}")
        return self.items[key][1]


class Names:
    """A set of names that are the same whatever their case is."""

    def __init__(self):
        self.names = set()

    def add(self, name):
        is_new = name.lower() not in self.names
        self.names.add(name.lower())
        return is_new


class Block:
    def __init__(self, node):
        self.node = node


class Type:
    def __init__(self, name):
        self.name = name.lower().removeprefix("system.")


# ---- Files

ATTRIBUTES = {"readonly": 1, "hidden": 2, "system": 4, "archive": 32, "normal": 128, "temporary": 256, "notcontentindexed": 8192}
FACTS = {}
EPOCH = datetime.datetime(1, 1, 1)
UNIX_TICKS = 621355968000000000


def real(path):
    return path.removeprefix("\\\\?\\").replace("\\", "/")


def failing(function):
    @functools.wraps(function)
    def run(*words, **named):
        try:
            return function(*words, **named)
        except OSError as error:
            raise Failure(str(error)) from error

    return run


class Item:
    def __init__(self, path):
        self.path = real(path)

    def facts(self):
        status = os.lstat(self.path)
        return FACTS.setdefault((status.st_dev, status.st_ino), {"attributes": 0, "created": None})

    @property
    def fullname(self):
        return self.path.replace("/", "\\")

    @property
    def attributes(self):
        try:
            mode = os.lstat(self.path).st_mode
        except OSError:
            return -1
        return self.facts()["attributes"] | (0 if mode & stat.S_IWUSR else 1)

    @attributes.setter
    def attributes(self, value):
        value = convert(Type("io.fileattributes"), value)
        mode = os.lstat(self.path).st_mode
        os.chmod(self.path, mode & ~0o222 if value & 1 else mode | stat.S_IWUSR)
        self.facts()["attributes"] = value & ~(1 | 128)

    def check_writable(self):
        if self.attributes & 1 and not os.path.isdir(self.path):
            raise Failure("access is denied: " + self.path)

    def set_lastwritetimeutc(self, ticks):
        self.check_writable()
        nanos = (ticks - UNIX_TICKS) * 100
        os.utime(self.path, ns=(nanos, nanos), follow_symlinks=False)

    def set_creationtimeutc(self, ticks):
        self.check_writable()
        self.facts()["created"] = ticks - UNIX_TICKS


class Reader:
    def __init__(self, path):
        self.file = open(real(path), encoding="utf-8", newline="\n")

    def readline(self):
        return self.file.readline().removesuffix("\n") or None

    def close(self):
        self.file.close()
        return NOTHING


class Stream:
    """A file that is open for bytes."""

    def __init__(self, path, how):
        if how == "wb" and os.path.lexists(real(path)):
            Item(path).check_writable()
        self.file = open(real(path), how)

    @property
    def length(self):
        self.file.flush()
        return os.fstat(self.file.fileno()).st_size

    def set_position(self, position):
        self.file.seek(position)

    def read(self, buffer, start, count):
        found = self.file.read(count)
        buffer[start : start + len(found)] = found
        return len(found)

    def write(self, buffer, start, count):
        self.file.write(buffer[start : start + count])
        return NOTHING

    def close(self):
        self.file.close()
        return NOTHING


def entries(path, pattern="*", option=""):
    import fnmatch

    found = []
    for folder, folders, files in os.walk(real(path)):
        for name in sorted(folders + files):
            if fnmatch.fnmatchcase(name.lower(), pattern.lower()):
                found.append(os.path.join(folder, name).replace("/", "\\"))
        if str(option).lower() != "alldirectories":
            break
    return found


def is_folder(path):
    return os.path.isdir(real(path)) and not os.path.islink(real(path))


@failing
def move(source, to, wanted):
    source, to = real(source), real(to)
    if wanted(source) and not os.path.lexists(to):
        os.rename(source, to)
        return NOTHING
    raise Failure("cannot be moved: " + source)


@failing
def delete_folder(path, recursive=False):
    path = real(path)
    for file in entries(path, "*", "AllDirectories") if recursive else []:
        if not is_folder(file):
            Item(file).check_writable()
    shutil.rmtree(path) if recursive else os.rmdir(path)
    return NOTHING


@failing
def delete_file(path):
    if os.path.lexists(real(path)):
        Item(path).check_writable()
        os.unlink(real(path))
    return NOTHING


@failing
def copy_file(source, to, overwrite=False):
    if os.path.lexists(real(to)) and not overwrite:
        raise Failure("is there: " + to)
    shutil.copy2(real(source), real(to))
    Item(to).attributes = Item(source).attributes
    return NOTHING


@failing
def lines(path):
    # .NET ends lines at CR, too.
    return re.split("\r\n|\r|\n", open(real(path), encoding="utf-8", newline="").read().removesuffix("\n"))


STATIC = {
    "io.directory": {
        "exists": lambda path: os.path.isdir(real(path)),
        "getfiles": lambda *words: [path for path in entries(*words) if not is_folder(path)],
        "getdirectories": lambda *words: [path for path in entries(*words) if is_folder(path)],
        "getfilesystementries": entries,
        "createdirectory": failing(lambda path: os.makedirs(real(path), exist_ok=True)),
        "move": lambda source, to: move(source, to, os.path.isdir),
        "delete": delete_folder,
    },
    "io.file": {
        "exists": lambda path: os.path.lexists(real(path)) and not os.path.isdir(real(path)),
        "readlines": lines,
        "readalllines": lines,
        "readalltext": failing(lambda path: open(real(path), encoding="utf-8", newline="").read()),
        "openread": failing(lambda path: Stream(path, "rb")),
        "create": failing(lambda path: Stream(path, "wb")),
        "move": lambda source, to: move(source, to, os.path.isfile),
        "copy": copy_file,
        "delete": delete_file,
    },
    "io.path": {
        "getfilename": lambda path: re.split(r"[\\/]", path)[-1],
        "getdirectoryname": lambda path: re.sub(r"[\\/][^\\/]*$", "", path),
    },
    "io.fileattributes": {name: value for name, value in ATTRIBUTES.items()},
    "stringcomparer": {"ordinal": "ordinal", "ordinalignorecase": "ordinalignorecase"},
    "math": {"min": min},
    "globalization.cultureinfo": {"invariantculture": None},
    "decimal": {"parse": lambda text, _: Decimal(text)},
    "datetime": {"new": lambda year, month, day, *_: (datetime.datetime(year, month, day) - EPOCH).days * 864000000000},
    "console": {"error": "stderr"},
}


# ---- Values

def listed(value):
    """What a pipeline or a loop makes of it."""
    if value is NOTHING:
        return []
    return value if isinstance(value, list) else [value]


def truth(value):
    if isinstance(value, list):
        return bool(value) and (len(value) > 1 or truth(value[0]))
    if isinstance(value, (Table, Item, Block, Stream, Names, bytearray)):
        return True
    return bool(value)


def text(value):
    if value is None or value is NOTHING:
        return ""
    if isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return " ".join(map(text, value))
    return str(value)


def number(value):
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*-?\d+\s*", value) else Decimal(value)
    return 0 if value is None else value


def convert(type, value):
    name = type.name
    if name == "void":
        return NOTHING
    if name == "string":
        return text(value)
    if name in ("int", "long"):
        # To the nearest, half to even.
        value = int(round(Decimal(number(value))))
        if not -(2**31 if name == "int" else 2**63) <= value < (2**31 if name == "int" else 2**63):
            raise Failure(f"too large for [{name}]: {value}")
        return value
    if name == "char":
        return chr(number(value))
    if name == "string[]":
        return [text(part) for part in listed(value)]
    if name in ("bool", "switch"):
        return truth(value)
    if name == "io.fileattributes":
        if isinstance(value, str):
            value = sum({ATTRIBUTES[part.strip().lower()] for part in value.split(",")})
        return value
    raise Unknown("[" + name + "]")


def same(left, right, exact=False):
    if isinstance(left, str) and not exact:
        return left.lower() == text(right).lower()
    if isinstance(left, str):
        return left == text(right)
    if isinstance(left, (int, Decimal)) and isinstance(right, str):
        return left == number(right)
    return left == right


def compare(left, right):
    if isinstance(left, str):
        left, right = left.lower(), text(right).lower()
    else:
        left, right = number(left), number(right)
    return (left > right) - (left < right)


def pattern_of(pattern, exact):
    # \d and \w are of all scripts there, too; $ is also before a last newline, in both.
    return re.compile(pattern, 0 if exact else re.IGNORECASE)


def formatted(form, values):
    values = values if isinstance(values, list) else [values]

    def one(found):
        value, how = values[int(found[1])], found[2]
        if how and how[0].lower() == "d":
            return f"{value:0{how[1:]}d}"
        return text(value)

    return re.sub(r"\{(\d+)(?::(\w+))?\}", one, form)


# ---- The language

class Machine:
    def __init__(self, source):
        self.source = source
        self.scopes = [Table()]
        self.functions = {}
        self.variables = self.scopes[0]
        self.places = []
        self.variables["true"], self.variables["false"], self.variables["null"] = True, False, None

    # Variables

    def get(self, name):
        scope, _, rest = name.rpartition(":")
        if scope.lower() == "env":
            return os.environ.get(rest)
        if scope:
            return self.scopes[0][rest]
        for variables in reversed(self.scopes):
            if Table.key(name) in variables.items:
                return variables[name]
        return None

    def set(self, name, value):
        scope, _, rest = name.rpartition(":")
        variables = self.scopes[0] if scope.lower() == "script" else self.scopes[-1]
        old = variables[rest]
        kept = variables["type of " + rest]
        variables[rest] = convert(kept, value) if kept else value
        return old

    # Statements: each yields what it puts into the pipeline.

    def block(self, node):
        for child in node.named_children:
            yield from self.statement(child)

    def statement(self, node):
        kind = node.type
        if kind in ("comment", "empty_statement", "param_block"):
            return
        if kind in ("statement_list", "statement_block", "script_block", "script_block_body", "program"):
            yield from self.block(node)
        elif kind == "pipeline":
            yield from self.pipeline(node)
        elif kind == "function_statement":
            self.define(node)
        elif kind == "if_statement":
            yield from self.if_statement(node)
        elif kind == "foreach_statement":
            yield from self.foreach(node)
        elif kind == "for_statement":
            yield from self.loop(node)
        elif kind == "while_statement":
            while truth(self.value(self.child(node, "while_condition").named_children[0])):
                yield from self.block(self.child(node, "statement_block"))
        elif kind == "switch_statement":
            yield from self.switch(node)
        elif kind == "try_statement":
            yield from self.attempt(node)
        elif kind == "flow_control_statement":
            yield from self.leave(node)
        else:
            raise Unknown(f"statement {kind}: {self.said(node)}")

    def said(self, node):
        return node.text.decode()[:60]

    @staticmethod
    def child(node, kind):
        return next((child for child in node.named_children if child.type == kind), None)

    def pipeline(self, node):
        first = node.named_children[0]
        if first.type == "assignment_expression":
            self.assign(first)
            return
        yield from self.chain(first)

    def chain(self, node):
        if node.type != "pipeline_chain":
            node = type("Chain", (), {"named_children": [node]})
        given = None
        for number, step in enumerate(node.named_children):
            if step.type == "command":
                given = self.command(step, given if number else None)
            elif step.type in ("post_increment_expression", "post_decrement_expression"):
                given = []
            else:
                value = self.value(step)
                given = [] if self.counts(step) else listed(value)
        yield from given

    def counts(self, node):
        while len(node.named_children) == 1 and not node.type.startswith("post_"):
            node = node.named_children[0]
        return node.type.startswith("post_")

    def if_statement(self, node):
        parts = node.named_children
        if truth(self.value(parts[0])):
            yield from self.block(parts[1])
            return
        for part in parts[2:]:
            if part.type == "elseif_clauses":
                for clause in part.named_children:
                    if truth(self.value(clause.named_children[0])):
                        yield from self.block(clause.named_children[1])
                        return
            elif part.type == "else_clause":
                yield from self.block(part.named_children[0])

    def foreach(self, node):
        name, over, body = [child for child in node.named_children if child.type != "comment"]
        value = self.value(over)
        for item in [] if value is None else listed(value):
            self.set(name.text.decode()[1:], item)
            try:
                yield from self.block(body)
            except Continue:
                continue
            except Break:
                break

    def loop(self, node):
        start, until, step = (self.child(node, "for_" + part) for part in ("initializer", "condition", "iterator"))
        list(self.block(start))
        while truth(self.value(until.named_children[0])):
            try:
                yield from self.block(self.child(node, "statement_block"))
            except Continue:
                pass
            except Break:
                break
            list(self.block(step))

    def switch(self, node):
        value = self.value(self.child(node, "switch_condition").named_children[0])
        for clause in self.child(self.child(node, "switch_body"), "switch_clauses").named_children:
            if same(value, self.value(clause.named_children[0].named_children[0])):
                yield from self.block(clause.named_children[1])

    def attempt(self, node):
        caught, last = self.child(node, "catch_clauses"), self.child(node, "finally_clause")
        try:
            yield from self.block(self.child(node, "statement_block"))
        except Failure as failure:
            if not caught:
                raise
            self.set("_", str(failure))
            yield from self.block(self.child(caught.named_children[0], "statement_block"))
        finally:
            if last:
                list(self.block(self.child(last, "statement_block")))

    def leave(self, node):
        word = node.children[0].text.decode().lower()
        value = [item for child in node.named_children for item in self.statement(child)]
        if word == "return":
            yield from value
            raise Return
        if word == "exit":
            raise Exit(number(value[0]) if value else 0)
        if word == "throw":
            raise Failure(text(value))
        raise {"break": Break, "continue": Continue}[word]

    # Functions and commands

    def define(self, node):
        name = self.child(node, "function_name").text.decode()
        declared = self.child(node, "function_parameter_declaration")
        self.functions[name.lower()] = (self.parameters(declared), self.child(node, "script_block"))

    def parameters(self, node):
        found = []
        listing = self.child(node, "parameter_list") if node else None
        for parameter in listing.named_children if listing else []:
            declared = self.child(parameter, "attribute_list")
            kind = self.type(declared.named_children[0].named_children[0]) if declared else None
            default = self.child(parameter, "script_parameter_default")
            found.append((self.child(parameter, "variable").text.decode()[1:], kind, default))
        return found

    def bind(self, parameters, words, named):
        words = list(words)
        scope = Table()
        for name, kind, default in parameters:
            if name.lower() in named:
                value = named[name.lower()]
            elif kind and kind.name == "switch":
                value = False
            elif words:
                value = words.pop(0)
            else:
                value = self.value(default.named_children[0]) if default else None
            scope["type of " + name] = kind
            scope[name] = convert(kind, value) if kind else value
        if words:
            raise Failure("too many words: " + text(words))
        return scope

    def call(self, name, words, named):
        parameters, body = self.functions[name]
        self.scopes.append(self.bind(parameters, words, named))
        put = []
        try:
            for item in self.block(body) if body else []:
                put.append(item)
        except Return:
            pass
        finally:
            self.scopes.pop()
        return put

    def run_block(self, block, item):
        self.scopes[-1]["_"] = item
        return list(self.block(block.node))

    def words(self, node):
        """Words, switches by name, and all as another program gets them."""
        words, named, raw = [], {}, []
        waits = None
        elements = self.child(node, "command_elements")
        for element in elements.named_children if elements else []:
            if element.type == "command_argument_sep":
                continue
            if element.type == "command_parameter":
                waits = element.text.decode().lstrip("-").lower()
                named[waits] = True
                raw.append(element.text.decode())
                continue
            said = element.text.decode()
            if said.startswith("@") and re.fullmatch(r"@\w+", said):
                value = self.get(said[1:])
                words += value
                raw += map(text, value)
                continue
            value = said if element.type == "generic_token" else self.value(element)
            raw += map(text, listed(value))
            if waits and waits not in SWITCHES:
                named[waits] = value
            else:
                words.append(value)
            waits = None
        return words, named, raw

    def command(self, node, given):
        words, named, raw = self.words(node)
        if self.child(node, "command_invokation_operator"):
            return self.program(text(self.value(self.child(node, "command_name_expr").named_children[0])), raw)
        name = self.child(node, "command_name").text.decode().lower()
        if name in self.functions:
            return self.call(name, words, named)
        if name not in COMMANDS:
            raise Unknown("command " + name)
        return COMMANDS[name](self, words, named, given)

    def program(self, path, raw):
        sys.stdout.flush()
        at = self.places[-1] if self.places else None
        done = subprocess.run([real(path), *map(real, raw)], stdout=subprocess.PIPE, text=True, check=False, cwd=at)
        self.scopes[0]["LASTEXITCODE"] = done.returncode
        return done.stdout.splitlines()

    # Expressions

    def assign(self, node):
        left, operator, right = node.named_children
        value = self.collected(self.statement(right)) if right.type.endswith("_statement") else self.value(right)
        value = None if value is NOTHING else value
        target = left
        while len(target.named_children) == 1 and target.type not in ("variable", "parenthesized_expression"):
            target = target.named_children[0]
        sign = operator.text.decode()
        if sign == "+=":
            value = self.add(self.value(target), value)
        elif sign == "-=":
            value = number(self.value(target)) - number(value)
        elif sign != "=":
            raise Unknown("operator " + sign)
        if target.type == "array_literal_expression":
            values = listed(value)
            for at, part in enumerate(target.named_children):
                self.put(part, values[at] if at < len(values) else None)
        else:
            self.put(target, value)

    def put(self, target, value):
        while len(target.named_children) == 1 and target.type != "variable":
            target = target.named_children[0]
        if target.type == "variable":
            self.set(target.text.decode()[1:], value)
            return
        of, what = target.named_children
        of = self.value(of)
        if target.type == "element_access":
            of.__setitem__(self.value(what), value)
        elif target.type == "member_access":
            name = what.text.decode().lower()
            if isinstance(of, (Item, Stream)) and hasattr(of, "set_" + name):
                failing(getattr(of, "set_" + name))(value)
            elif isinstance(of, Item) and name == "attributes":
                failing(lambda: setattr(of, name, value))()
            else:
                raise Unknown("assignment to ." + name)
        else:
            raise Unknown("assignment to " + self.said(target))

    @staticmethod
    def collected(put):
        put = list(put)
        return NOTHING if not put else put[0] if len(put) == 1 else put

    def value(self, node):
        kind = node.type.replace("_argument_expression", "_expression")
        parts = [child for child in node.children if child.type != "comment"]
        named = [child for child in node.named_children if child.type != "comment"]
        if kind in ("pipeline", "pipeline_chain"):
            if len(named) == 1 and named[0].type not in ("command", "assignment_expression"):
                return self.value(named[0])
            return self.plain(self.collected(self.statement(node) if kind == "pipeline" else self.chain(node)))
        simple = getattr(self, "on_" + kind, None)
        if simple:
            return simple(node, named)
        if kind.endswith("_expression") and len(parts) == 1:
            return self.value(parts[0])
        if kind == "array_literal_expression":
            return [self.value(child) for child in named]
        if kind in ("logical_expression", "comparison_expression", "bitwise_expression", "additive_expression", "format_expression"):
            return self.binary(parts[0], parts[1].text.decode().lower(), parts[2])
        if kind == "multiplicative_expression":
            return self.binary(parts[0], parts[1].text.decode(), parts[2])
        raise Unknown(f"expression {kind}: {self.said(node)}")

    @staticmethod
    def plain(value):
        return None if value is NOTHING else value

    def on_variable(self, node, _):
        name = node.text.decode()[1:].strip("{}")
        return self.get(name)

    def on_integer_literal(self, node, _):
        return int(node.text)

    def on_parenthesized_expression(self, _, named):
        return self.plain(self.value(named[0]))

    def on_array_expression(self, _, named):
        return [item for child in named for item in self.statement(child)]

    def on_sub_expression(self, _, named):
        return self.plain(self.collected(item for child in named for item in self.statement(child)))

    def on_script_block_expression(self, _, named):
        return Block(named[0])

    def on_hash_literal_expression(self, _, named):
        entries = named[0].named_children if named else []
        return Table((self.key(entry.named_children[0]), self.value(entry.named_children[1])) for entry in entries)

    def key(self, node):
        inner = node.named_children[0]
        return inner.text.decode() if inner.type == "simple_name" else self.value(inner)

    def on_path_command_name(self, node, named):
        return self.value(named[0]) if named else node.text.decode()

    def on_string_literal(self, _, named):
        return self.value(named[0])

    def on_verbatim_string_characters(self, node, _):
        return node.text.decode()[1:-1].replace("''", "'")

    def on_expandable_string_literal(self, node, named):
        start, out = node.start_byte + 1, b""
        for part in named:
            out += self.unescaped(self.source[start : part.start_byte]) + text(self.value(part)).encode()
            start = part.end_byte
        return (out + self.unescaped(self.source[start : node.end_byte - 1])).decode()

    @staticmethod
    def unescaped(raw):
        return re.sub(rb"`(.)", lambda found: {b"n": b"\n", b"t": b"\t", b"0": b"\0"}.get(found[1], found[1]), raw)

    def on_type_literal(self, node, _):
        return Type(node.text.decode()[1:-1])

    def type(self, node):
        return Type(node.text.decode()[1:-1])

    def on_expression_with_unary_operator(self, node, named):
        if named[0].type == "cast_expression":
            kind, of = named[0].named_children
            return convert(self.type(kind), self.value(of))
        sign = node.children[0].text.decode().lower()
        value = self.value(named[-1])
        if sign in ("-not", "!"):
            return not truth(value)
        if sign == "-":
            return -number(value)
        if sign == ",":
            return [value]
        raise Unknown("operator " + sign)

    def step(self, named, by):
        variable = named[0].text.decode()[1:]
        return self.set(variable, number(self.get(variable)) + by)

    def on_post_increment_expression(self, _, named):
        return self.step(named, 1)

    def on_post_decrement_expression(self, _, named):
        return self.step(named, -1)

    @staticmethod
    def add(left, right):
        if isinstance(left, list):
            return left + listed(right)
        return left + text(right) if isinstance(left, str) else number(left) + number(right)

    def binary(self, left, sign, right):
        left = self.value(left)
        if sign in ("-and", "-or"):
            return truth(left) and truth(self.value(right)) if sign == "-and" else truth(left) or truth(self.value(right))
        right = self.value(right)
        exact = sign.startswith("-c") and sign != "-contains"
        word = sign[2:] if exact else sign[1:]
        if sign == "+":
            return self.add(left, right)
        if sign in ("-", "*"):
            left, right = number(left), number(right)
            return left - right if sign == "-" else left * right
        if word in ("match", "notmatch"):
            found = pattern_of(right, exact).search(text(left))
            if found:
                groups = enumerate((found[0], *found.groups()))
                self.scopes[-1]["Matches"] = Table((at, group) for at, group in groups if group is not None)
            return bool(found) == (word == "match")
        if word == "replace":
            wanted, by = (right + [""])[:2] if isinstance(right, list) else (right, "")
            by = re.sub(r"\$(\d)", r"\\g<\1>", by.replace("\\", "\\\\"))
            return pattern_of(wanted, exact).sub(by, text(left))
        if word == "split":
            wanted, most = (right + [0])[:2] if isinstance(right, list) else (right, 0)
            return pattern_of(wanted, exact).split(text(left), max(most - 1, 0))
        if word == "join":
            return text(right).join(map(text, listed(left)))
        if word == "f":
            return formatted(left, right)
        if word in ("is", "isnot"):
            kinds = {"string": str, "int": int, "hashtable": Table, "array": list}
            return isinstance(left, kinds[right.name]) == (word == "is")
        if word in ("contains", "notcontains"):
            return any(same(item, right, exact) for item in listed(left)) == (word == "contains")
        if word in ("eq", "ne"):
            return same(left, right, exact) == (word == "eq")
        if word in ("gt", "ge", "lt", "le"):
            order = compare(left, right)
            return {"gt": order > 0, "ge": order >= 0, "lt": order < 0, "le": order <= 0}[word]
        if word in ("band", "bor"):
            return left & right if word == "band" else left | right
        raise Unknown("operator " + sign)

    # Objects

    def on_element_access(self, _, named):
        of, at = self.value(named[0]), self.value(named[1])
        if isinstance(of, Table):
            return of[at]
        if of is None:
            raise Failure("nothing has no parts")
        return of[at] if -len(of) <= at < len(of) else None

    def on_member_access(self, node, named):
        of, name = self.value(named[0]), named[1].text.decode().lower()
        if isinstance(of, Type):
            if name not in STATIC.get(of.name, {}):
                raise Unknown(f"[{of.name}]::{name}")
            return STATIC[of.name][name]
        if of is None:
            return None
        if isinstance(of, Record):
            return ("properties", of) if name == "psobject" else of[name]
        if isinstance(of, tuple):
            return Table((key, True) for key, _ in of[1].items.values())
        if isinstance(of, Table):
            if name == "keys":
                return [key for key, _ in of.items.values()]
            return len(of.items) if name == "count" else of[name]
        if name in ("count", "length") and isinstance(of, (list, str, bytearray)):
            return len(of.encode("utf-16-le")) // 2 if isinstance(of, str) else len(of)
        if name == "length" and isinstance(of, Stream):
            return of.length
        if name == "count":
            return 1
        if isinstance(of, Item) and name in ("attributes", "fullname"):
            return getattr(of, name)
        raise Unknown(f"member {name} of {type(of).__name__}: {self.said(node)}")

    def on_invokation_expression(self, node, named):
        of, name = self.value(named[0]), named[1].text.decode().lower()
        given = self.child(node, "argument_list")
        listing = self.child(given, "argument_expression_list") if given else None
        words = [self.value(child) for child in listing.named_children] if listing else []
        if isinstance(of, Type):
            if name not in STATIC.get(of.name, {}):
                raise Unknown(f"[{of.name}]::{name}")
            return STATIC[of.name][name](*words)
        if of == "stderr" and name == "writeline":
            print(*words, file=sys.stderr, flush=True)
            return NOTHING
        if isinstance(of, Table) and name in ("containskey", "remove"):
            key = of.key(words[0])
            if name == "remove":
                was = of.items.pop(key, None)
                return was is not None if isinstance(of, Dictionary) else NOTHING
            return key in of.items
        if isinstance(of, list) and name in ("add", "sort"):
            of.append(words[0]) if name == "add" else of.sort(key=lambda item: item.encode("utf-16-be"))
            return NOTHING
        if isinstance(of, (Reader, Stream, Names)):
            return failing(getattr(of, name))(*words)
        if isinstance(of, int) and name == "addticks":
            return of + words[0]
        if isinstance(of, str):
            return self.on_text(of, name, words)
        if of is None:
            raise Failure("nothing has no method " + name)
        raise Unknown(f"method {name} of {type(of).__name__}: {self.said(node)}")

    @staticmethod
    def on_text(of, name, words):
        if name == "substring":
            start, length = (words + [len(of) - words[0]])[:2]
            if not 0 <= start <= start + length <= len(of):
                raise Failure(f"no part of {of}: {words}")
            return of[start : start + length]
        known = {
            "startswith": lambda word, _="": of.startswith(word),
            "replace": lambda old, new: of.replace(old, new),
            "endswith": lambda word: of.endswith(word),
            "trimend": lambda *chars: of.rstrip("".join(chars) or None),
            "tochararray": lambda: list(of),
            "split": lambda sign: of.split(sign),
            "contains": lambda word: word in of,
            "indexof": lambda sign: of.find(sign),
            "lastindexof": lambda sign: of.rfind(sign),
        }
        if name not in known:
            raise Unknown("method of a text: " + name)
        return known[name](*words)


# ---- Commands that come with the language

SWITCHES = {"force", "compress", "descending", "make"}


def new_object(_machine, words, _named, _given):
    name = Type(words[0]).name
    if name.startswith("collections.generic.list"):
        return [Listing()]
    if name == "collections.generic.dictionary[string,object]":
        given = words[1] if isinstance(words[1], list) else [None, words[1]]
        return [Dictionary(given[0].items.values() if given[0] else ())]
    if name == "collections.generic.hashset[string]" and words[1] == "ordinalignorecase":
        return [Names()]
    if name == "byte[]":
        return [bytearray(words[1])]
    made = {"io.fileinfo": Item, "io.directoryinfo": Item, "io.streamreader": Reader}
    if name not in made:
        raise Unknown("New-Object " + name)
    return [failing(made[name])(*words[1:])]


class Listing(list):
    """A list that is passed around as one thing."""


def from_json(_machine, words, _named, _given):
    try:
        return [json.loads(words[0], object_pairs_hook=Record, parse_float=Decimal)]
    except ValueError as error:
        raise Failure(str(error)) from error


def children(_machine, _words, named, _given):
    return [Item(path) for path in entries(named["literalpath"])]


def new_item(_machine, _words, named, _given):
    failing(os.makedirs)(real(named["path"]), exist_ok=True)
    return [Item(os.path.abspath(real(named["path"])))]


def host(_machine, _words, _named, given):
    for item in given:
        print(text(item), flush=True)
    return []


def sort(_machine, _words, named, given):
    return sorted(given, key=lambda item: text(item).lower(), reverse="descending" in named)


def get_command(_machine, words, _named, _given):
    path = shutil.which(words[0])
    return [Record([("Path", path.replace("/", "\\"))])] if path else []


def push_location(machine, _words, named, _given):
    machine.places.append(real(named["literalpath"]))
    return []


def pop_location(machine, _words, _named, _given):
    machine.places.pop()
    return []


COMMANDS = {
    "get-command": get_command,
    "push-location": push_location,
    "pop-location": pop_location,
    "join-path": lambda _m, words, _n, _g: [words[0].rstrip("\\/") + "\\" + words[1]],
    "test-path": lambda _m, _w, named, _g: [os.path.lexists(real(named["literalpath"]))],
    "get-childitem": children,
    "new-item": new_item,
    "new-object": new_object,
    "convertfrom-json": from_json,
    "convertto-json": lambda _m, words, _n, _g: [json.dumps(words[0], ensure_ascii=False)],
    "write-output": lambda _m, words, _n, _g: [item for word in words for item in listed(word)],
    "out-host": host,
    "select-object": lambda _m, _w, named, given: given[: named["first"]],
    "where-object": lambda machine, words, _n, given: [
        item for item in given if truth(machine.run_block(words[0], item))
    ],
    "foreach-object": lambda machine, words, _n, given: [
        put for item in given for put in machine.run_block(words[0], item)
    ],
    "sort-object": sort,
}


def main():
    script, facts, *words = sys.argv[1:]
    source = open(script, "rb").read()
    parser = tree_sitter.Parser(tree_sitter.Language(tree_sitter_powershell.language()))
    root = parser.parse(source).root_node
    machine = Machine(source)
    machine.variables["PSScriptRoot"] = os.path.dirname(os.path.abspath(script)).replace("/", "\\")
    status = 0
    try:
        parameters = machine.parameters(machine.child(root, "param_block"))
        for name, value in machine.bind(parameters, words, {}).items.values():
            machine.scopes[0][name] = value
        for item in machine.block(root):
            print(text(item), flush=True)
    except Exit as end:
        status = end.args[0]
    except Failure as failure:
        print("failed:", failure, file=sys.stderr)
        status = 1
    except Unknown as unknown:
        print("not known here:", unknown, file=sys.stderr)
        status = 99
    with open(facts, "w", encoding="utf-8") as file:
        for (device, inode), fact in FACTS.items():
            print(json.dumps({"device": device, "inode": inode, **fact}), file=file)
    return status


sys.setrecursionlimit(10000)
sys.exit(main())
