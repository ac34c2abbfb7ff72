/** The Dockerfile of a project whose steps run: two stages on one base, packages by the lock alone, an own user, nothing secret. */

export interface DockerfileWanted {
  /** The base of both stages, pinned by its digest. */
  readonly base: string
  /** An image that has uv at /uv, pinned by its digest. */
  readonly uv: string
  /** Version of Python in the base, as 3.11, and the path of its interpreter. */
  readonly python: string
  readonly pythonPath: string
  /** What pins the packages: uv's own lock beside pyproject.toml, or a requirements file with hashes. */
  readonly lock:
    | { readonly kind: 'uv'; readonly folder: string }
    | { readonly kind: 'requirements'; readonly file: string }
  /** SHA-256 of the resolved packages. */
  readonly lockDigest: string
  readonly project: string
  /** The number that the image's process runs as. */
  readonly user: number
}

/** Its text. The only argument of a build is the commit, for the label. */
export function dockerfile(wanted: DockerfileWanted): string {
  const { base, uv, python, pythonPath, lockDigest, project, user } = wanted
  return `# Written by slipway image dockerfile: the packages are those of the lock, images are pinned by their digests.
# Add what your packages need of the system to both stages.
FROM ${uv} AS uv

FROM ${base} AS packages
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_LINK_MODE=copy \\
    UV_PYTHON=${pythonPath} \\
    UV_PYTHON_DOWNLOADS=never \\
    UV_PROJECT_ENVIRONMENT=/opt/venv
WORKDIR /build
${installation(wanted.lock)}

FROM ${base}
# the same path as above: scripts and the interpreter's link name it
COPY --from=packages /opt/venv /opt/venv
COPY --chmod=0755 . /opt/project
# byte code has times in it, and the file system is to be read alone
ENV PATH=/opt/venv/bin:/usr/local/bin:/usr/bin:/bin \\
    VIRTUAL_ENV=/opt/venv \\
    PYTHONDONTWRITEBYTECODE=1 \\
    PYTHON_VERSION=${python} \\
    SLIPWAY_PYTHON_PATH=${pythonPath}
ARG REVISION=""
LABEL org.opencontainers.image.title="${project}" \\
      org.opencontainers.image.revision="\${REVISION}" \\
      dev.slipway.project="${project}" \\
      dev.slipway.lock="${lockDigest}"
WORKDIR /opt/project
USER ${user}:${user}
ENTRYPOINT ["/opt/venv/bin/python"]
`
}

/** The line of a RUN that shows it a file of the project. */
function bind(path: string, name: string): string {
  return `    --mount=type=bind,source=${path},target=/build/${name} \\\n`
}

function installation(lock: DockerfileWanted['lock']): string {
  const cache = 'RUN --mount=type=cache,target=/root/.cache/uv \\\n'
  if (lock.kind === 'requirements')
    return `${cache}${bind(lock.file, 'requirements.lock')}    uv venv /opt/venv && \\
    uv pip install --python /opt/venv/bin/python --require-hashes --no-deps -r /build/requirements.lock`
  const below = lock.folder === '' ? '' : `${lock.folder}/`
  const files = bind(`${below}uv.lock`, 'uv.lock') + bind(`${below}pyproject.toml`, 'pyproject.toml')
  return `${cache}${files}    uv sync --locked --no-install-project --no-dev`
}

/** What an engine is not given of the project, from the rules of .slipwayignore; what it never needs comes first. */
export function dockerignore(rules: string): string {
  const never = ['.git', '.slipway', '**/.venv', '**/__pycache__', '**/*.pyc', 'Dockerfile', '.dockerignore']
  const own = rules
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map(dockerRule)
  return `${[...never, ...own].join('\n')}\n`
}

/** A rule of git's form names things at any depth unless it has a slash inside; one of docker's is always from the top. */
function dockerRule(rule: string): string {
  const [, not = '', path = ''] = /^(!?)(.*)$/.exec(rule) ?? []
  const bare = path.replace(/\/$/, '')
  return `${not}${bare.includes('/') ? bare.replace(/^\//, '') : `**/${bare}`}`
}
