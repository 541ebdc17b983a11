"""The words that lab 8's questions are made of."""

PEOPLE = [
    "Ann",
    "Ben",
    "Clara",
    "David",
    "Emma",
    "Frank",
    "Grace",
    "Henry",
    "Iris",
    "Jack",
    "Kate",
    "Leo",
    "Maria",
    "Nina",
    "Oscar",
    "Paul",
]
COLORS = ["red", "blue", "green", "yellow", "black", "white", "brown", "pink"]
THINGS = ["bag", "ball", "book", "box", "cap", "cup", "hat", "kite", "lamp", "pen"]
CITIES = [
    "Algiers",
    "Berlin",
    "Cairo",
    "Dublin",
    "Lima",
    "London",
    "Madrid",
    "Oslo",
    "Paris",
    "Rome",
    "Tokyo",
    "Vienna",
]
FRUITS = ["apple", "banana", "cherry", "grape", "lemon", "mango", "orange", "peach", "pear", "plum"]
PLURAL_FRUITS = ["apples", "bananas", "cherries", "grapes", "lemons", "mangoes", "oranges", "peaches", "pears", "plums"]
JOBS = ["doctor", "cook", "teacher", "farmer", "pilot", "baker", "nurse", "painter", "lawyer", "driver"]
DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
WORDS = [
    "table",
    "window",
    "garden",
    "bridge",
    "flower",
    "silver",
    "market",
    "winter",
    "planet",
    "rocket",
    "basket",
    "mirror",
    "castle",
    "forest",
]
OPPOSITES = [
    ("hot", "cold"), ("big", "small"), ("up", "down"), ("fast", "slow"), ("open", "closed"), ("early", "late"),
    ("wet", "dry"), ("happy", "sad"), ("hard", "soft"), ("full", "empty"), ("light", "dark"), ("old", "young"),
    ("rich", "poor"), ("high", "low"),
]  # fmt: skip
PAST = [
    ("go", "went"), ("eat", "ate"), ("see", "saw"), ("take", "took"), ("write", "wrote"), ("run", "ran"),
    ("give", "gave"), ("buy", "bought"), ("find", "found"), ("drink", "drank"), ("speak", "spoke"),
    ("think", "thought"), ("sing", "sang"), ("fall", "fell"), ("know", "knew"), ("make", "made"),
]  # fmt: skip
PLURALS = [
    ("mouse", "mice"), ("child", "children"), ("foot", "feet"), ("tooth", "teeth"), ("man", "men"), ("woman", "women"),
    ("knife", "knives"), ("leaf", "leaves"), ("goose", "geese"), ("city", "cities"), ("box", "boxes"),
    ("person", "people"), ("wolf", "wolves"), ("baby", "babies"),
]  # fmt: skip
