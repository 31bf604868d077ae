import { randomInt } from 'node:crypto'

const ADJECTIVES = (
  'able airy amber ample apt azure bold brave bright brisk calm candid canny careful cheerful chic civil clear clever cosy crisp curious daring deft ' +
  'eager early earnest easy even fair fancy fearless fine fleet fluent fond frank free fresh gentle glad golden graceful grand happy hardy hearty honest ' +
  'humble jolly jovial keen kind lively loyal lucid lucky mellow merry mild modest neat nimble noble patient placid plucky polite prime proud quick quiet ' +
  'rapid ready robust rosy serene sharp shiny silent sleek smart snug sober solid spry steady sterling stoic sturdy sunny sure swift tender tidy tranquil ' +
  'trim trusty upbeat valiant vivid warm wise witty young zesty'
).split(' ')

/** People who weighed, measured, built ships, locks, engines and machines that think. */
const NOUNS = (
  'archimedes babbage banneker bessel boole bowditch brahe brunel cavendish celsius clarke copernicus curie dalton dijkstra earhart easley edison eiffel ' +
  'engelbart euclid euler faraday fermat fourier franklin galileo gauss germain goldberg goodall hamilton harrison hedy heron herschel hopper huygens hypatia ' +
  'jackson johnson kelvin kepler knuth kovalevskaya lagrange lamarr laplace lavoisier leibniz lovelace maxwell mayer meitner mendel mendeleev mercator ' +
  'mirzakhani montgolfier morse napier newcomen newton nightingale noether ohm pascal pasteur planck ptolemy ritchie roentgen shannon siemens somerville ' +
  'stevenson stevin tesla thompson torricelli turing vaughan vitruvius volta wallis watt wheatstone whitney wilkes wright wu yonath zuse'
).split(' ')

/** A name such as `steady_watt`; with a digit on later attempts, when many names are taken. */
export const randomName = (attempt = 0): string => {
  const name = `${ADJECTIVES[randomInt(ADJECTIVES.length)]}_${NOUNS[randomInt(NOUNS.length)]}`
  return attempt === 0 ? name : `${name}${randomInt(10 ** Math.min(attempt, 6))}`
}
