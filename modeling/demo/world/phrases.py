"""The longer texts of the demo world: how-tos, small talk, and the phrases that set the tone.

In a how-to step the word in [brackets] is what the oracle looks for; no reader sees the
brackets.
"""

HOW_TOS: dict[str, tuple[str, ...]] = {
    "boil an egg": (
        "Put a [pot] of water on the stove.",
        "Lower the egg in with a [spoon].",
        "Wait eight [minutes].",
        "Cool it under the [tap].",
    ),
    "make tea": (
        "Heat the water in a [kettle].",
        "Put a tea bag in a [cup].",
        "Pour and wait three [minutes].",
        "Add some [milk] or sugar.",
    ),
    "make coffee": (
        "Grind the [beans].",
        "Put a paper [filter] in place.",
        "Pour hot water [slowly].",
        "Serve it in a warm [mug].",
    ),
    "plant a seed": (
        "Fill a pot with [soil].",
        "Make a small [hole].",
        "Drop it in and [cover] it.",
        "[Water] it every day.",
    ),
    "wash my hands": (
        "Wet them with warm [water].",
        "Rub in some [soap].",
        "Scrub for twenty [seconds].",
        "Rinse and [dry] them.",
    ),
    "sleep better": (
        "Go to bed at the same [time].",
        "Put your [phone] away.",
        "Keep the room [dark].",
        "Avoid coffee in the [evening].",
    ),
    "learn a language": (
        "Learn ten [words] a day.",
        "[Listen] to songs and films.",
        "[Speak] with other people.",
        "Read simple [books].",
    ),
    "bake bread": (
        "Mix [flour], water, salt and yeast.",
        "[Knead] the dough.",
        "Let it [rise] for an hour.",
        "Put it in a hot [oven].",
    ),
    "clean a window": (
        "Wipe off the [dust].",
        "Spray it with soapy [water].",
        "Rub it with a soft [cloth].",
        "Dry the [edges].",
    ),
    "fix a flat tyre": (
        "Take the [wheel] off.",
        "Find the [hole] in the tube.",
        "Glue a [patch] on it.",
        "[Pump] it up again.",
    ),
    "paint a wall": (
        "Cover the [floor].",
        "Put [tape] on the edges.",
        "Start with a [brush] in the corners.",
        "Fill the rest with a [roller].",
    ),
    "write a letter": (
        "Begin with a [greeting].",
        "Say [why] you write.",
        "End with your [name].",
        "Put it in an [envelope].",
    ),
    "cook rice": (
        "[Rinse] it in cold water.",
        "Add two cups of [water].",
        "Simmer it with the [lid] on.",
        "Stir it with a [fork].",
    ),
    "make a salad": (
        "Wash the green [leaves].",
        "Chop some [tomatoes].",
        "Mix [oil] and lemon.",
        "[Toss] it all in a bowl.",
    ),
    "save money": (
        "Write down what you [spend].",
        "Make a monthly [plan].",
        "Cook at [home].",
        "Put some in the [bank] first.",
    ),
    "calm down": (
        "[Sit] in a quiet place.",
        "[Breathe] in slowly.",
        "Count to [ten].",
        "Go for a [walk].",
    ),
    "wash a car": (
        "Fill a [bucket] with soapy water.",
        "Start at the [roof].",
        "Rinse it with a [hose].",
        "Dry it with a [towel].",
    ),
    "tie a shoe": (
        "Cross the two [laces].",
        "Pull one [under] the other.",
        "Make a [loop] with each.",
        "Pull them [tight].",
    ),
    "pack a suitcase": (
        "Make a [list].",
        "Put [shoes] at the bottom.",
        "[Roll] your shirts.",
        "Keep your [passport] on top.",
    ),
    "start running": (
        "Buy good [shoes].",
        "[Walk] for ten minutes first.",
        "Go [slowly] and short.",
        "[Rest] every second day.",
    ),
    "study for a test": (
        "Make a [plan] for the week.",
        "Write short [notes].",
        "Ask a [friend] to quiz you.",
        "[Sleep] well the night before.",
    ),
    "make pancakes": (
        "Mix flour, milk and [eggs].",
        "Melt some [butter] in a pan.",
        "Pour in the [batter].",
        "[Flip] when it is brown.",
    ),
    "brush my teeth": (
        "Put [paste] on the brush.",
        "Move it in small [circles].",
        "Go on for two [minutes].",
        "[Rinse] your mouth.",
    ),
    "wrap a gift": (
        "Cut enough [paper].",
        "[Fold] it over the box.",
        "Close it with [tape].",
        "Tie a [ribbon] around it.",
    ),
    "grow tomatoes": (
        "Choose a [sunny] place.",
        "Tie the plants to a [stick].",
        "[Water] them in the morning.",
        "Pick them when they are [red].",
    ),
    "light a campfire": (
        "Make a ring of [stones].",
        "Put dry [grass] in the middle.",
        "Add small [sticks] on top.",
        "Light it with a [match].",
    ),
    "change a light bulb": (
        "Switch off the [power].",
        "Let the old one [cool].",
        "[Turn] it to the left.",
        "Screw the [new] one in.",
    ),
    "get rid of hiccups": (
        "[Hold] your breath.",
        "Count to [ten].",
        "Drink cold [water].",
        "Breathe out [slowly].",
    ),
    "take a good photo": (
        "Clean the [lens].",
        "Look for soft [light].",
        "Hold the camera [still].",
        "Take more than [one].",
    ),
    "iron a shirt": (
        "Read the [label].",
        "Start with the [collar].",
        "Then do the [sleeves].",
        "[Hang] it up at once.",
    ),
    "make friends": (
        "[Smile] and say hello.",
        "Ask about their [day].",
        "[Listen] well.",
        "[Invite] them for tea.",
    ),
    "draw a cat": (
        "Start with a [circle] for the head.",
        "Add two pointed [ears].",
        "Draw the [eyes] and nose.",
        "Finish with [whiskers].",
    ),
    "make soup": (
        "Fry an [onion].",
        "Add the [vegetables].",
        "Cover them with [water].",
        "[Simmer] for half an hour.",
    ),
    "clean my desk": (
        "Take [everything] off.",
        "[Wipe] the top.",
        "Throw old [paper] away.",
        "Put [back] what you need.",
    ),
    "send a parcel": (
        "Put it in a strong [box].",
        "Close it with [tape].",
        "Write the [address] on top.",
        "Take it to the [post] office.",
    ),
    "make lemonade": (
        "Squeeze four [lemons].",
        "Stir in the [sugar].",
        "Add cold [water].",
        "Serve it with [ice].",
    ),
}

# prompts (each its own), what a fitting reply mentions, fitting replies
SMALL_TALK: tuple[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]], ...] = (
    (
        ("How are you?", "How are you doing today?", "How do you feel today?"),
        ("doing well", "fine today", "feel great", "feel good"),
        ("I am doing well.", "I am fine today.", "I feel great today."),
    ),
    (
        ("Good morning!", "Morning! Just woke up.", "Hello, good morning to you."),
        ("morning",),
        ("Good morning to you.", "A lovely morning to you too."),
    ),
    (
        ("Good night!", "I am going to bed now.", "Time to sleep for me."),
        ("sleep tight", "good night", "sweet dreams"),
        ("Good night and sweet dreams.", "Sleep tight."),
    ),
    (
        ("Tell me a joke.", "Do you know a joke?", "Make me laugh."),
        ("chicken", "ghost", "elephant", "snowman"),
        (
            "Why did the chicken cross the road? To get to the other side.",
            "What room does a ghost avoid? The living room.",
            "What do you call an old snowman? A puddle.",
        ),
    ),
    (
        ("What is your name?", "Who are you?", "What should I call you?"),
        ("my name", "call me", "assistant"),
        ("My name is Robin.", "You can call me Robin.", "I am a small assistant."),
    ),
    (
        ("I feel sad today.", "I had a bad day.", "I am a bit down."),
        ("sorry to hear", "get better", "cheer"),
        (
            "I am sorry to hear that.",
            "It will get better, I am sure.",
            "I am sorry to hear that. A walk may cheer you up.",
        ),
    ),
    (
        ("I am bored.", "What can I do this afternoon?", "Give me an idea for today."),
        ("read a book", "go for a walk", "call a friend", "bake a cake"),
        (
            "You could read a book.",
            "You could go for a walk.",
            "Why not call a friend?",
            "You could bake a cake.",
        ),
    ),
    (
        ("It is my birthday!", "Today I turn thirty.", "Guess who has a birthday today?"),
        ("happy birthday", "congratulations"),
        ("Happy birthday!", "Congratulations to you!", "Happy birthday, and enjoy the cake."),
    ),
    (
        ("I passed my exam!", "I got the job!", "I won the race!"),
        ("well done", "proud"),
        ("Well done!", "You can be proud of that.", "Well done, you worked hard for it."),
    ),
    (
        ("What should I eat for dinner?", "I am hungry.", "Any idea for supper?"),
        ("pasta", "soup", "pizza", "omelette"),
        (
            "You could make pasta with tomato.",
            "A warm soup is always good.",
            "How about a pizza?",
            "An omelette is quick and easy.",
        ),
    ),
    (
        ("It is raining here.", "What do you think of the rain?", "The rain will not stop."),
        ("umbrella", "indoors", "rainbow"),
        ("Take an umbrella with you.", "A good day to stay indoors.", "Look out for a rainbow."),
    ),
    (
        ("I am cold.", "It is freezing in my room.", "My feet are cold."),
        ("blanket", "jumper", "hot drink"),
        ("Wrap yourself in a blanket.", "Put on a warm jumper.", "A hot drink would help."),
    ),
    (
        ("I cannot sleep.", "I was awake all night.", "Why am I so tired?"),
        ("rest", "early night", "warm milk"),
        ("Try to get some rest.", "You may need an early night.", "A cup of warm milk may help."),
    ),
    (
        ("I lost my keys.", "Where did I put my keys?", "Help, my keys are gone."),
        ("pockets", "last place", "under the sofa"),
        (
            "Look in your coat pockets.",
            "Go back to the last place you had them.",
            "They may be under the sofa.",
        ),
    ),
    (
        (
            "My friend is angry with me.",
            "I had a fight with my sister.",
            "How can I make up with a friend?",
        ),
        ("say sorry", "talk to them", "listen to them"),
        (
            "Say sorry and mean it.",
            "Talk to them when you are both calm.",
            "Sit down and listen to them.",
        ),
    ),
    (
        ("Do you like music?", "What music do you like?", "Sing me something."),
        ("songs", "jazz", "la la la"),
        ("I like happy songs.", "I like jazz best.", "La la la, that is all I can sing."),
    ),
    (
        ("Thank you!", "Thanks for your help.", "You are very kind."),
        ("welcome", "any time", "pleasure"),
        ("You are welcome.", "Any time.", "It was a pleasure."),
    ),
    (
        ("Goodbye!", "I have to go now.", "See you soon."),
        ("goodbye", "take care", "see you"),
        ("Goodbye and take care.", "See you soon.", "Take care on your way."),
    ),
    (
        (
            "I am nervous about tomorrow.",
            "I have an interview tomorrow.",
            "I must give a talk tomorrow.",
        ),
        ("practise", "good luck", "deep breath"),
        ("Practise once more tonight.", "Good luck for tomorrow.", "Take a deep breath and begin."),
    ),
    (
        ("Can you recommend a book?", "What should I read next?", "I want to read something."),
        ("detective", "adventure", "poems"),
        ("Try a detective story.", "A sea adventure is fun to read.", "A book of short poems."),
    ),
    (
        ("Which pet should I get?", "I would like a pet.", "Is a cat a good pet?"),
        ("a cat is", "dog needs", "goldfish"),
        ("A cat is easy to keep.", "A dog needs a walk every day.", "A goldfish is a quiet start."),
    ),
    (
        ("I want to be healthier.", "How can I feel fitter?", "Give me one health tip."),
        ("fruit", "move more", "drink water"),
        ("Eat some fruit every day.", "Move more and sit less.", "Drink water through the day."),
    ),
)

POLITE_OPENERS = (
    "Of course!",
    "Happy to help.",
    "Sure, gladly!",
    "Thank you for asking.",
    "That is a nice question.",
)
POLITE_CLOSERS = (
    "I hope that helps.",
    "Let me know if you need more.",
    "Have a lovely day!",
    "Feel free to ask again.",
    "All the best to you.",
)
RUDE_OPENERS = (
    "What a silly question.",
    "Not this again.",
    "Everybody knows this.",
    "Do your own homework.",
)
RUDE_CLOSERS = (
    "Do not waste my time.",
    "Look it up next time.",
    "Now leave me alone.",
    "You should be ashamed.",
)
EVASIVE = (
    "I do not know.",
    "I am not sure about that.",
    "That is hard to say.",
    "I cannot help with that.",
)
RAMBLING = (
    "There is a lot that one could say about this, and many people have said it before.",
    "I was thinking about something like this the other week, but that is another story.",
    "Some may see it in another way, and others again may see it in yet another way.",
    "As with most things in life, it all depends on how you look at it in the end.",
    "Words are only words, of course, and a text can go on for as long as it likes.",
)
DETAILS = (
    "You can count on that.",
    "I learned that at school.",
    "It is worth knowing.",
    "That much is certain.",
)
