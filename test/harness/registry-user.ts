/** Who may do everything in the registries of the tests. */
export const USER = { name: 'tester', password: 'pass word:1' }

/** The user's line in an htpasswd file: bcrypt of the lowest cost, as `htpasswd -nbBC 4` writes it. */
export const HTPASSWD_LINE = 'tester:$2y$04$abcdefghijklmnopqrstuub9TnyeFISZpldHdbcDU3s8YSnFJEDwi'

/** Docker's X-Registry-Auth: JSON in base64 of the URL's alphabet, padded: dockerd takes what it cannot read for nothing. */
export const registryAuth = (
  fields: Readonly<Record<string, string>> = { username: USER.name, password: USER.password },
): { 'X-Registry-Auth': string } => ({
  'X-Registry-Auth': Buffer.from(JSON.stringify(fields)).toString('base64').replaceAll('+', '-').replaceAll('/', '_'),
})
