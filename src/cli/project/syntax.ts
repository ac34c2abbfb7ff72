/** Whether files of Python compile, asked of an interpreter of this machine, which runs none of them. */
import { ifRefused } from '../../contract/absence/absent.ts'
import { runCommand } from '../../envs/command.ts'
import { findPython } from '../../envs/python.ts'

/** A file of the project: how it is called there, and where it lies. */
export interface PythonFile {
  readonly path: string
  readonly source: string
}

/** What is wrong with a file. `line` counts from 1. */
export interface SyntaxFault {
  readonly file: string
  readonly line: number
  readonly message: string
}

/** Compiles each file as an import would, and tells of each the first fault: JSON in, JSON out. */
const CHECK = `
import io, json, sys, tokenize, warnings
warnings.simplefilter("ignore")

def fault(source):
    with open(source, "rb") as file:
        data = file.read()
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(data).readline)
        data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\\n", 0, error.start) + 1
        return line, "byte 0x%02x" % data[error.start], "text in %s" % encoding.replace("utf-8", "UTF-8"), ""
    except SyntaxError as error:
        at = next((at for at, line in enumerate(data.split(b"\\n"), 1) if at < 3 and max(line, default=0) > 127), 1)
        return at, str(error), "text in UTF-8", ""
    try:
        compile(data, source, "exec", dont_inherit=True)
    except SyntaxError as error:
        return error.lineno or 1, (error.text or "").strip(), "code of Python", error.msg
    except (ValueError, RecursionError, MemoryError, OverflowError) as error:
        return 1, "", "code of Python", str(error) or type(error).__name__

json.dump([fault(source) for source in json.load(sys.stdin)], sys.stdout)
`

/** Longest text of a line that is repeated. */
const SHOWN = 80
const LIMIT_MS = 60_000

/**
 * The faults of files, by an interpreter in the range; undefined where this machine has none. Throws where the interpreter fails.
 */
export async function syntaxFaults(files: readonly PythonFile[], range: string): Promise<SyntaxFault[] | undefined> {
  const python = await ifRefused(findPython(range), 'unprocessable')
  if (python === undefined) return undefined
  const input = JSON.stringify(files.map(({ source }) => source))
  const { code, stdout, stderr } = await runCommand(python.path, ['-I', '-c', CHECK], { input, limit: LIMIT_MS })
  if (code !== 0) throw new Error(`${python.path} could not check the code: ${stderr.trim() || `exit code ${code}`}`)
  const found = JSON.parse(stdout) as (readonly [number, string, string, string] | null)[]
  return found.flatMap((one, at) => {
    if (one === null) return []
    const [line, got, expected, why] = one
    const shown = got.length > SHOWN ? `${got.slice(0, SHOWN)}…` : got
    const reason = why === '' ? '' : ` (${why}, says Python ${python.version})`
    return [
      { file: files[at]?.path ?? '', line, message: `got ${JSON.stringify(shown)}, expected ${expected}${reason}` },
    ]
  })
}
