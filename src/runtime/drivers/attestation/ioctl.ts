/**
 * Device control calls with structures that point to other structures. Node has no `ioctl`, and a native add-on would
 * be one more binary inside the measured image; `perl`, which is part of every Debian base system, has both the call and
 * pointers (`pack 'P'`). It runs as a child, gets its request on standard input, and answers on standard output.
 *
 * @module
 */

import { spawn } from 'node:child_process';

import { AttestationError } from '../../../trust/attestation/index.ts';

/** One call. */
export interface IoctlRequest {
  readonly device: string;
  readonly code: number;
  /** The structure that the call is given; changed by the kernel. */
  readonly argument: Uint8Array;
  /** Structures that it points to. */
  readonly buffers: readonly Uint8Array[];
  /**
   * Where addresses stand: at `offset` of `into` (an index of `buffers`, or the argument) the address of buffer `to`.
   * Written in this order, so that a buffer's own pointers come before the pointer to it.
   */
  readonly pointers: readonly { readonly into: number | 'argument'; readonly offset: number; readonly to: number }[];
}

/** What the kernel left behind. */
export interface IoctlResponse {
  /** 0 for success, else the number of the error (errno). */
  readonly errno: number;
  readonly argument: Uint8Array;
  readonly buffers: readonly Uint8Array[];
}

/** Makes device control calls. */
export type IoctlPort = (request: IoctlRequest) => Promise<IoctlResponse>;

// Lines in: device, code, argument, pointers as "into:offset:to", one buffer a line; all bytes in hexadecimal.
const PROGRAM = String.raw`
use strict; use warnings; use Fcntl;
my ($device, $code, $argument, $pointers, @buffers) = map { chomp; $_ } <STDIN>;
$argument = pack('H*', $argument);
@buffers = map { pack('H*', $_) } @buffers;
for (split / /, $pointers) {
  my ($into, $offset, $to) = split /:/;
  if ($into eq 'argument') { substr($argument, $offset, 8) = pack('P', $buffers[$to]); }
  else { substr($buffers[$into], $offset, 8) = pack('P', $buffers[$to]); }
}
sysopen(my $handle, $device, O_RDWR) or do { print 0 + $!, "\n"; exit 0 };
my $done = ioctl($handle, $code, $argument);
print defined $done ? 0 : 0 + $!, "\n";
print unpack('H*', $_), "\n" for ($argument, @buffers);
`;
const TIMEOUT_MS = 30_000;
const MAX_OUTPUT = 1 << 20;

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const fail = (message: string, cause?: unknown): never => {
  throw new AttestationError('attestation/device-failed', message, cause === undefined ? {} : { cause });
};

/** Creates a port on `perl`. @param command - the interpreter. */
export function createPerlIoctlPort(command = 'perl'): IoctlPort {
  return async ({ device, code, argument, buffers, pointers }) => {
    const places = pointers.map(({ into, offset, to }) => `${into}:${offset}:${to}`).join(' ');
    const input = [device, String(code >>> 0), hex(argument), places, ...buffers.map(hex)].join('\n');
    const output = await run(command, input);
    const [errno = '', ...rest] = output.trimEnd().split('\n');
    if (!/^\d+$/.test(errno)) return fail(`${device}: the helper answered nothing`);
    const [after, ...filled] = rest.map((line) => new Uint8Array(Buffer.from(line, 'hex')));
    return { errno: Number(errno), argument: after ?? argument, buffers: filled.length > 0 ? filled : buffers };
  };
}

function run(command: string, input: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, ['-e', PROGRAM], { stdio: ['pipe', 'pipe', 'pipe'], timeout: TIMEOUT_MS });
    let output = '';
    let complaint = '';
    child.stdout.setEncoding('latin1').on('data', (chunk: string) => {
      if (output.length < MAX_OUTPUT) output += chunk;
    });
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      if (complaint.length < 2000) complaint += chunk;
    });
    const stop = (message: string, cause?: unknown) =>
      reject(new AttestationError('attestation/device-failed', message, cause === undefined ? {} : { cause }));
    child.on('error', (cause) => stop(`${command} cannot be started; device calls need it`, cause));
    child.on('close', (status) => {
      if (status === 0) resolve(output);
      else stop(`${command} ended with ${status ?? 'a signal'}: ${complaint.trim()}`);
    });
    // A child that ends early breaks the pipe; its end is reported above.
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}

/** Names of errors that devices answer with. [errno of Linux, asm-generic] */
const ERRNO: Readonly<Record<number, string>> = {
  1: 'EPERM (run as root)',
  2: 'ENOENT (no such device: is this a confidential machine?)',
  5: 'EIO',
  6: 'ENXIO',
  11: 'EAGAIN',
  13: 'EACCES (not readable and writable by this user)',
  16: 'EBUSY',
  19: 'ENODEV',
  22: 'EINVAL',
  25: 'ENOTTY (the device does not know this call)',
  90: 'EMSGSIZE',
};

/** @throws {AttestationError} `attestation/device-failed` unless the call succeeded. */
export function assertDone({ errno }: IoctlResponse, { device, note = '' }: { device: string; note?: string }): void {
  if (errno !== 0) fail(`${device}: ${ERRNO[errno] ?? `errno ${errno}`}${note === '' ? '' : `, ${note}`}`);
}
