/** Lines of the Dockerfile, from 1, both included. */
export type SourceRange = { readonly start: number; readonly end: number }
