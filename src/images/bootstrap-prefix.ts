/** Snapshots with such keys belong to a bootstrap, and are rubbish once its process has died. */
export const BOOTSTRAP_PREFIX = 'image-bootstrap-'
