/** What the guests say, in turns. */
export const CHATTER: readonly string[] = [
  'The ferry is late tonight.',
  'It is waiting for the fog to lift, I think. You can see its lights behind the headland.',
  'I could watch this for hours. Nothing happens, and it keeps happening.',
  'That is the point of slow television.',
  'Did anybody else just lose their connection? My train went through a tunnel.',
  'You would not have noticed. I did not miss a word of you.',
  'Somebody should ask the assistant what happens when the line is cut.',
  'I did, and then I cut it while it was answering. It finished its sentence.',
  'Mine as well. The lane below it lost eleven messages, though.',
  'That one is the bare WebSocket. It reconnects, and hopes.',
  'The lighthouse takes twelve seconds to go round. I counted.',
  'The keeper must be dizzy.',
  'If you knock at the desk while it is closed, it tells you when it opens.',
  'To the second. It is an error with a date in it.',
  'I dropped a whole video on the upload earlier. Same hash on both sides.',
  'Through the tunnel?',
  'Through three of them.',
  'Look, the moon is out again.',
]

/** What they write over the picture. */
export const COMMENTS: readonly string[] = [
  'good evening from the ferry',
  'the light!',
  'so calm',
  'is that a seal?',
  'it is a buoy',
  'hello buoy',
  'look at the water',
  'second night in a row here',
  'turn the volume up',
  'there is no sound',
  'exactly',
  'moon, moon, moon',
  'greetings from the north pier',
  'what a swell',
  'I think I can see my house',
  'ten beats a second, all of them here',
  'tea?',
  'tea.',
]

/** How they greet somebody who speaks for the first time. */
export const WELCOMES: readonly string[] = [
  'Good evening, {name}. Sit anywhere.',
  'Hello {name}! Try the scissors, it is safe.',
  'Welcome, {name}. The tea is imaginary, but warm.',
]
