import { invalidArgument } from '../../errdefs.ts'
import { readInside } from '../../runtime/user.ts'

export type Owner = { readonly uid: number; readonly gid: number }

/**
 * `--chown=user[:group]`, names looked up in the root file system. Without a group it is the user's own number, as Docker
 * has it; for a name the group of its entry.
 */
export const resolveOwner = (root: string, text: string): Owner => {
  const colon = text.indexOf(':')
  const user = colon < 0 ? text : text.slice(0, colon)
  const group = colon < 0 ? undefined : text.slice(colon + 1)
  const passwd = entries(root, '/etc/passwd')
  const account = passwd.find(([name]) => name === user)
  const uid = account === undefined ? idOf(user) : Number(account[2])
  if (uid === undefined) throw unknown(`can't find uid for user ${user}: no such user: ${user}`)
  if (group === undefined) return { uid, gid: account === undefined ? uid : Number(account[3]) }
  const known = entries(root, '/etc/group').find(([name]) => name === group)
  const gid = known === undefined ? idOf(group) : Number(known[2])
  if (gid === undefined) throw unknown(`can't find gid for group ${group}: no such group: ${group}`)
  return { uid, gid }
}

const unknown = (reason: string): Error =>
  invalidArgument(`unable to convert uid/gid chown string to host mapping: ${reason}`)

const idOf = (text: string): number | undefined => (/^\d{1,10}$/.test(text) ? Number(text) : undefined)

const entries = (root: string, path: string): string[][] =>
  (readInside(root, path) ?? '')
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => line.split(':'))
