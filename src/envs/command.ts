/** Runs a program to its end: argv, never a shell. */
import { spawn } from 'node:child_process'
import { inherited } from '../isolation/environment.ts'

export interface Outcome {
  /** Exit code; 127 when the program is not there, 124 when it was ended after its time. */
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface CommandOptions {
  readonly input?: string
  readonly cwd?: string
  /** Besides what programs that build inherit: see INHERITED. */
  readonly env?: Readonly<Record<string, string | undefined>>
  /** Ms; default 20 minutes. */
  readonly limit?: number
  /** Called with each line that the program writes to its error stream. */
  readonly onLine?: (line: string) => void
}

const LIMIT_MS = 20 * 60_000
/** What pip, uv, compilers and build tools read of the environment. */
const INHERITED =
  'LOGNAME LC_* TZ TMPDIR TEMP TMP XDG_* LD_LIBRARY_PATH LIBRARY_PATH CPATH PYTHON* VIRTUAL_ENV UV_* PIP_* NETRC ' +
  'HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy REQUESTS_CA_BUNDLE CURL_CA_BUNDLE ' +
  'CC CXX FC F77 AR LD CFLAGS CXXFLAGS CPPFLAGS FFLAGS LDFLAGS PKG_CONFIG* CMAKE* MAKEFLAGS NINJA* CARGO* RUST* JAVA_HOME ' +
  'CUDA* NVCC* ROCM* MACOSX_DEPLOYMENT_TARGET SDKROOT ARCHFLAGS SOURCE_DATE_EPOCH PYENV* CONDA*'

/** Never rejects: what went wrong is in the outcome. */
export function runCommand(program: string, args: readonly string[], options: CommandOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      stdio: 'pipe',
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      env: { ...inherited(INHERITED), ...options.env },
    })
    // not the option of spawn, whose timer goes on for a program that is not there and keeps this process alive
    const limit = setTimeout(() => child.kill('SIGKILL'), options.limit ?? LIMIT_MS)
    let stdout = ''
    let stderr = ''
    let begun = ''
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr += text
      const lines = (begun + text).split('\n')
      begun = lines.pop() ?? ''
      for (const line of lines) options.onLine?.(line)
    })
    const end = (code: number, more = ''): void => {
      clearTimeout(limit)
      resolve({ code, stdout, stderr: stderr + more })
    }
    child.once('error', (error) => end(127, error.message))
    child.once('close', (code, signal) => end(code ?? (signal === 'SIGKILL' ? 124 : 1)))
    child.stdin.on('error', () => undefined)
    child.stdin.end(options.input ?? '')
  })
}
