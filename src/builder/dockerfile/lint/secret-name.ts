const SECRET = /(?:_|^)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)/i
const HARMLESS = /(?:_|^)(?:public|file|version)(?:_|$)/i

/** `DATABASE_PASSWORD`, `api_key`, `GITHUB_TOKEN`; not `TOKEN_FILE`. */
export const mayBeSecret = (name: string): boolean => SECRET.test(name) && !HARMLESS.test(name)
