"""What the comments of a project say is left to do: a CodeGen plugin in Python, with the standard library alone.

It speaks the line protocol of docs/plugin-protocol.md on its standard input and output. It opens no file of the project
itself: it asks codegend for each, which holds it to what its owner allowed.
"""

import base64
import itertools
import json
import queue
import re
import sys
import threading

FILES_MAX = 10_000
BYTES_MAX = 512 * 1024
COMMENTS_MAX = 500

TOOL = {
    "name": "TodoComments",
    "description": "Finds comments that say what is left to do (TODO, FIXME, HACK, XXX) below a folder, "
    "with file and line. What .gitignore names is left out.",
    "annotations": {"readOnly": True},
    "parameters": {
        "type": "object",
        "properties": {
            "folder": {"type": "string", "description": "Default: the working directory."},
            "words": {
                "type": "array",
                "items": {"type": "string", "pattern": "^[A-Za-z]{2,20}$"},
                "minItems": 1,
                "maxItems": 20,
                "description": "Instead of those four.",
            },
        },
        "additionalProperties": False,
    },
}


class Cancelled(Exception):
    """Nobody waits for this call any more."""


class Failed(Exception):
    """codegend refused what it was asked for, and says why."""

    def __init__(self, error):
        super().__init__(error.get("message", "codegend did not say why"))
        self.error = error


class Codegend:
    """The other end. Any thread may write; answers go to who waits for them."""

    def __init__(self, output):
        self._output = output
        self._writing = threading.Lock()
        self._ids = itertools.count(1)
        self._waiting = {}

    def write(self, **message):
        line = json.dumps({"jsonrpc": "2.0", **message}, ensure_ascii=False) + "\n"
        with self._writing:
            self._output.write(line.encode())
            self._output.flush()

    def ask(self, method, parameters, answers):
        """Sends a request; its answer is put into the queue."""
        number = next(self._ids)
        self._waiting[number] = answers
        self.write(id=number, method=method, params=parameters)

    def answered(self, message):
        answers = self._waiting.pop(message.get("id"), None)
        if answers:
            answers.put(message)


class Call:
    """One run of the tool: its context is asked of codegend by the call's id."""

    def __init__(self, codegend, parameters):
        self._codegend = codegend
        self._id = parameters["call_id"]
        self._answers = queue.SimpleQueue()
        self._cancelled = threading.Event()
        self.parameters = parameters["parameters"]

    def cancel(self):
        self._cancelled.set()
        self._answers.put(None)

    def ask(self, method, **parameters):
        """Does something through the context. One request at a time, so the next answer is the one to this."""
        if self._cancelled.is_set():
            raise Cancelled()
        self._codegend.ask(method, {"call_id": self._id, **parameters}, self._answers)
        answer = self._answers.get()
        if answer is None:
            raise Cancelled()
        if "error" in answer:
            raise Failed(answer["error"])
        return answer["result"]

    def show(self, text):
        """Shows a piece of output to whoever watches, now."""
        parameters = {"call_id": self._id, "chunk": text, "stream": "stdout"}
        self._codegend.write(method="output", params=parameters)


def find_comments(call):
    folder = call.parameters.get("folder", ".")
    words = call.parameters.get("words", ["TODO", "FIXME", "HACK", "XXX"])
    comment = re.compile(r"(?:#|//|/\*|\*|--|;|%|<!--|\"\"\")\s*(" + "|".join(words) + r")\b[:\s]*(.*)")
    listing = call.ask("files/list", path=folder, options={"depth": 50, "entriesMax": FILES_MAX})
    files = [entry["path"] for entry in listing["entries"] if entry["kind"] == "file"]
    found = []
    for file in files:
        before = len(found)
        for number, line in enumerate(lines_of(call, f"{folder}/{file}"), 1):
            match = comment.search(line)
            if match and len(found) < COMMENTS_MAX:
                text = match[2].removesuffix("*/").removesuffix("-->").strip()[:200]
                found.append({"file": file, "line": number, "word": match[1], "text": text})
        if len(found) > before:
            call.show(f"{file}: {len(found) - before}\n")
    more = "" if listing["totalIsExact"] and len(found) < COMMENTS_MAX else " There may be more."
    lines = [f"{one['file']}:{one['line']}: {one['word']} {one['text']}".rstrip() for one in found]
    summary = f"{len(found)} comments in {len({one['file'] for one in found})} of {len(files)} files.{more}"
    return {"text": "\n".join([*lines, summary]), "structured": {"comments": found}}


def lines_of(call, path):
    """The lines of a text file; none of what is binary, too big, or gone meanwhile."""
    try:
        # The model does not see the whole file, so it does not count as read.
        content = call.ask("files/read", path=path, options={"bytesMax": BYTES_MAX, "shown": False})
    except Failed:
        return []
    data = base64.b64decode(content["bytes"])
    return [] if b"\0" in data else data.decode(errors="replace").splitlines()


def run(codegend, calls, request, call):
    try:
        codegend.write(id=request, result=find_comments(call))
    except Cancelled:
        # It was answered for us when it was cancelled.
        pass
    except Failed as failed:
        codegend.write(id=request, error=failed.error)
    except Exception as error:
        data = {"code": "tool.failed"}
        codegend.write(id=request, error={"code": -32603, "message": f"TodoComments failed: {error!r}", "data": data})
    finally:
        calls.pop(request, None)


def main():
    codegend = Codegend(sys.stdout.buffer)
    calls = {}
    # The end of the input is the end of codegend: then this ends too.
    for line in sys.stdin.buffer:
        message = json.loads(line)
        method = message.get("method")
        if method == "describe":
            codegend.write(id=message["id"], result=[TOOL])
        elif method == "ping":
            codegend.write(id=message["id"], result=None)
        elif method == "call":
            call = calls[message["id"]] = Call(codegend, message["params"])
            arguments = (codegend, calls, message["id"], call)
            threading.Thread(target=run, args=arguments, daemon=True).start()
        elif method == "$/cancelRequest":
            call = calls.get(message["params"]["id"])
            if call:
                call.cancel()
        elif method is None:
            codegend.answered(message)


if __name__ == "__main__":
    main()
