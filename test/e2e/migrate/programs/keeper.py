"""keeper.py PORT STORE FOLDER: a small service that keeps what it is sent. PUT /NAME stores the body, GET /NAME answers with it, GET /health with "ok".

STORE: `sqlite`, a database in WAL mode, every write a transaction; or `files`, a file for each, written beside its place, synced and renamed. What was
acknowledged is durable. TERM ends it after the requests that have come whole.
"""
import os
import signal
import sqlite3
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

port, store, folder = int(sys.argv[1]), sys.argv[2], sys.argv[3]
os.makedirs(folder, exist_ok=True)


class Sqlite:
    def __init__(self):
        self.local = threading.local()
        self.mutex = threading.Lock()
        self.base = sqlite3.connect(os.path.join(folder, 'kept.db'), isolation_level=None, check_same_thread=False)
        self.base.execute('pragma journal_mode=wal')
        self.base.execute('pragma synchronous=full')
        self.base.execute('create table if not exists kept (name text primary key, body blob)')

    def put(self, name, body):
        with self.mutex:
            self.base.execute('begin immediate')
            self.base.execute('insert or replace into kept values (?, ?)', (name, body))
            self.base.execute('commit')

    def get(self, name):
        with self.mutex:
            found = self.base.execute('select body from kept where name = ?', (name,)).fetchone()
        return None if found is None else found[0]


class Files:
    def put(self, name, body):
        path = os.path.join(folder, name)
        beside = f'{path}.{threading.get_ident()}.new'
        with open(beside, 'wb') as out:
            out.write(body)
            out.flush()
            os.fsync(out.fileno())
        os.rename(beside, path)

    def get(self, name):
        try:
            with open(os.path.join(folder, name), 'rb') as file:
                return file.read()
        except FileNotFoundError:
            return None


keeper = Sqlite() if store == 'sqlite' else Files()


class Handler(BaseHTTPRequestHandler):
    timeout = 0.5  # a request whose client has lost its way here must not keep TERM waiting

    def answer(self, status, body=b''):
        self.send_response(status)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):
        body = self.rfile.read(int(self.headers['content-length']))
        try:
            keeper.put(self.path[1:], body)
        except (OSError, sqlite3.Error) as error:
            self.answer(500, str(error).encode())
            return
        self.answer(201)

    def do_GET(self):
        if self.path == '/health':
            self.answer(200, b'ok\n')
            return
        body = keeper.get(self.path[1:])
        self.answer(404 if body is None else 200, body or b'')

    def log_message(self, *_):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = False
    request_queue_size = 64


server = Server(('', port), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.02)
server.server_close()
