// Runs a declarative Jenkinsfile as Jenkins does, with a model of its directives: what is none of them is a fault. Arguments: the file, NAME=VALUE of
// its environment. Prints a line a shell step: stage, credentials, and the text in base64.
class Directives {
    Map env; List told; List path; Set known; Map secrets = [:]; boolean met = true
    def methodMissing(String name, args) {
        if (!known.contains(name)) throw new IllegalArgumentException("no directive of ${path}: ${name}")
    }
    def inside(Closure body, List where, Collection names) {
        def inner = new Directives(env: env, told: told, path: where, known: names as Set, secrets: secrets)
        body.delegate = inner
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
        inner
    }
    def pipeline(Closure body) { inside(body, ['pipeline'], ['agent']) }
    def options(Closure body) { inside(body, path + 'options', ['timeout', 'disableConcurrentBuilds']) }
    def stages(Closure body) { inside(body, path, []) }
    def stage(String name, Closure body) {
        def inner = new Stage(env: env, told: told, path: [name], known: [] as Set, secrets: [:])
        body.delegate = inner
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
        inner.end()
    }
}

class Stage extends Directives {
    Closure todo; List after = []
    def when(Closure body) {
        def conditions = new Conditions(env: env, path: path + 'when', known: [] as Set)
        body.delegate = conditions
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
        if (!conditions.holds.every()) met = false
    }
    def environment(Closure body) {
        def target = new Secrets()
        body.delegate = target
        body.resolveStrategy = Closure.DELEGATE_FIRST
        body.call()
        secrets = target.kept
    }
    def steps(Closure body) { todo = body }
    def post(Closure body) { inside(body, path + 'post', ['always']) }
    def end() {
        if (todo == null) throw new IllegalArgumentException("stage ${path} has no steps")
        if (!met) return
        def shell = new Shell(told: told, stage: path[0], secrets: secrets.keySet().toList())
        todo.delegate = shell
        todo.resolveStrategy = Closure.DELEGATE_FIRST
        todo.call()
    }
}

class Conditions extends Directives {
    List holds = []
    def branch(String name) { holds << (env.BRANCH_NAME == name) }
    def changeRequest() { holds << (env.CHANGE_ID != null) }
    def expression(Closure body) {
        body.delegate = [env: env]
        body.resolveStrategy = Closure.DELEGATE_FIRST
        holds << (body.call() as boolean)
    }
}

class Secrets {
    Map kept = [:]
    def credentials(String id) { id }
    void setProperty(String name, value) { if (name == 'kept') kept = value else kept[name] = value }
}

class Shell {
    List told; String stage; List secrets
    def sh(String text) { told << [stage: stage, secrets: secrets, text: text] }
    def methodMissing(String name, args) { throw new IllegalArgumentException("no step: ${name}") }
}

def told = []
def env = args.drop(1).collectEntries { it.split('=', 2) as List }
def shell = new GroovyShell(new Binding([any: 'any', env: env]))
def script = shell.parse(new File(args[0]))
def root = new Directives(env: env, told: told, path: [], known: [] as Set)
script.metaClass.pipeline = { Closure body -> root.pipeline(body) }
script.run()
told.each { println([it.stage, it.secrets.join(','), it.text.bytes.encodeBase64()].join('\t')) }
