/** A remote shell that leads to a test: joins stdin and stdout with the Unix socket that is its argument. */
import { connect } from 'node:net';

const socket = connect(process.argv[2] ?? '');
process.stdin.pipe(socket);
socket.pipe(process.stdout);
for (const stream of [socket, process.stdout]) stream.on('error', () => { process.exit(1); });
socket.on('close', () => { process.exit(0); });
