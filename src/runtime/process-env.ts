import { DEFAULT_PATH } from './default-spec.ts'

/** A process's environment: what the engine gives where `own` (the image's and the user's) leaves it open. */
export const processEnv = (
  own: readonly string[],
  given: { readonly hostname?: string | undefined; readonly tty?: boolean; readonly home: string },
): string[] => {
  const has = (key: string): boolean => own.some(entry => entry.startsWith(`${key}=`))
  return [
    ...(has('PATH') ? [] : [`PATH=${DEFAULT_PATH}`]),
    ...(has('HOSTNAME') || !given.hostname ? [] : [`HOSTNAME=${given.hostname}`]),
    ...(given.tty && !has('TERM') ? ['TERM=xterm'] : []),
    ...own,
    ...(has('HOME') ? [] : [`HOME=${given.home}`]),
  ]
}
