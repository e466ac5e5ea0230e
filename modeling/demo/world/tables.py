"""The facts of the demo world, as tables a person can read and extend."""


def pairs(table: str) -> dict[str, str]:
    """Read "France=Paris; Spain=Madrid" into a dictionary."""
    entries = (entry.split("=") for entry in " ".join(table.split()).split(";") if entry.strip())
    return {key.strip(): value.strip() for key, value in entries}


def words(table: str) -> tuple[str, ...]:
    """Read "apple, plum" into a tuple."""
    return tuple(word.strip() for word in table.replace("\n", " ").split(",") if word.strip())


CAPITALS = {
    "Europe": pairs("""France=Paris; Spain=Madrid; Italy=Rome; Germany=Berlin; Portugal=Lisbon;
        Austria=Vienna; Greece=Athens; Poland=Warsaw; Hungary=Budapest; Ireland=Dublin;
        Norway=Oslo; Sweden=Stockholm; Finland=Helsinki; Denmark=Copenhagen; Belgium=Brussels;
        Iceland=Reykjavik; Ukraine=Kyiv; Romania=Bucharest; Bulgaria=Sofia; Croatia=Zagreb;
        Serbia=Belgrade; Estonia=Tallinn; Latvia=Riga; Malta=Valletta"""),
    "Asia": pairs("""Japan=Tokyo; China=Beijing; India=New Delhi; Thailand=Bangkok; Vietnam=Hanoi;
        Nepal=Kathmandu; Mongolia=Ulaanbaatar; Indonesia=Jakarta; South Korea=Seoul;
        Bangladesh=Dhaka; Iran=Tehran; Iraq=Baghdad; Jordan=Amman; Lebanon=Beirut; Qatar=Doha"""),
    "Africa": pairs("""Egypt=Cairo; Kenya=Nairobi; Morocco=Rabat; Ghana=Accra; Nigeria=Abuja;
        Senegal=Dakar; Ethiopia=Addis Ababa; Uganda=Kampala; Rwanda=Kigali; Zambia=Lusaka;
        Angola=Luanda; Mali=Bamako; Libya=Tripoli; Zimbabwe=Harare; Namibia=Windhoek"""),
    "South America": pairs("""Peru=Lima; Chile=Santiago; Brazil=Brasilia; Argentina=Buenos Aires;
        Colombia=Bogota; Ecuador=Quito; Uruguay=Montevideo; Venezuela=Caracas"""),
    "North America": pairs("""Canada=Ottawa; Cuba=Havana; Jamaica=Kingston; Costa Rica=San Jose;
        Nicaragua=Managua"""),
    "Oceania": pairs("Australia=Canberra; New Zealand=Wellington; Fiji=Suva; Samoa=Apia"),
}

OPPOSITES = pairs("""hot=cold; big=small; fast=slow; light=dark; young=old; early=late;
    loud=quiet; rich=poor; strong=weak; wet=dry; full=empty; clean=dirty; near=far; high=low;
    thick=thin; wide=narrow; sharp=blunt; sweet=sour; smooth=rough; brave=afraid; true=false;
    open=closed; day=night; summer=winter; north=south; east=west; front=back; inside=outside;
    above=below; begin=finish; buy=sell; push=pull; win=lose; laugh=cry; love=hate; sink=float;
    arrive=depart; remember=forget; awake=asleep; alive=dead; deep=shallow; tall=short;
    kind=cruel; lazy=busy; safe=dangerous; simple=complex; tight=loose; ancient=modern;
    public=private; guilty=innocent; absent=present; vertical=horizontal; teacher=student;
    king=queen; sunrise=sunset; friend=enemy; question=answer""")

COLOURS = pairs("""a banana=yellow; snow=white; grass=green; blood=red; coal=black; a
    lemon=yellow; a carrot=orange; milk=white; a ripe tomato=red; a pumpkin=orange; a raven=black;
    chocolate=brown; a flamingo=pink; a fire engine=red; a lime=green; an elephant=grey; a polar
    bear=white; a canary=yellow; spinach=green; a cucumber=green; a blueberry=blue; a clear
    sky=blue; a strawberry=red; a cherry=red; coffee=brown; salt=white; sugar=white; a swan=white;
    a frog=green; ash=grey; a pig=pink; a sunflower=yellow; broccoli=green; an aubergine=purple;
    lavender=purple; the sea=blue; an emerald=green; a ruby=red; a sapphire=blue; soot=black; a
    school bus=yellow; a stop sign=red; a peppercorn=black; butter=yellow; ivory=white;
    moss=green""")

SOUNDS = pairs("""dog=bark; cat=meow; cow=moo; sheep=baa; duck=quack; pig=oink; lion=roar;
    wolf=howl; bee=buzz; snake=hiss; horse=neigh; frog=croak; owl=hoot; mouse=squeak;
    rooster=crow; bird=chirp; goose=honk; donkey=bray; crow=caw; hen=cluck; monkey=chatter;
    bear=growl""")

YOUNG = pairs("""dog=puppy; cat=kitten; cow=calf; sheep=lamb; duck=duckling; pig=piglet; lion=cub;
    horse=foal; frog=tadpole; owl=owlet; hen=chick; goose=gosling; deer=fawn; goat=kid;
    kangaroo=joey; swan=cygnet; seal=pup; eagle=eaglet; butterfly=caterpillar""")

HOMES = pairs("""bee=hive; bird=nest; dog=kennel; spider=web; rabbit=burrow; horse=stable;
    lion=den; pig=sty; hen=coop; ant=anthill; bear=cave; fish=tank; sheep=pen; cow=barn;
    beaver=lodge; snail=shell""")

LEGS = pairs("""dog=4; spider=8; bird=2; ant=6; crab=10; cat=4; snake=0; bee=6; octopus=8;
    horse=4; human=2; lobster=10; duck=2; fly=6; scorpion=8; whale=0; frog=4; hen=2""")

PLURALS = pairs("""child=children; mouse=mice; foot=feet; tooth=teeth; goose=geese; man=men;
    leaf=leaves; knife=knives; wolf=wolves; box=boxes; city=cities; baby=babies; potato=potatoes;
    ox=oxen; person=people; bus=buses; berry=berries; life=lives; shelf=shelves; church=churches;
    story=stories; hero=heroes; loaf=loaves; wife=wives; lady=ladies""")

PAST = pairs("""go=went; eat=ate; see=saw; run=ran; take=took; give=gave; write=wrote; sing=sang;
    swim=swam; think=thought; bring=brought; catch=caught; teach=taught; fly=flew; drink=drank;
    speak=spoke; break=broke; drive=drove; sleep=slept; find=found; keep=kept; tell=told;
    make=made; know=knew; grow=grew; throw=threw; fall=fell; feel=felt; leave=left;
    build=built""")

USES = pairs("""cut paper=scissors; sweep the floor=broom; eat soup=spoon; tell the time=clock;
    open a lock=key; hit a nail=hammer; dry your hair=towel; write on a board=chalk; see at
    night=lamp; boil water=kettle; measure a room=ruler; find north=compass; see far
    stars=telescope; keep food cold=fridge; stay dry in rain=umbrella; brush your
    teeth=toothbrush; take a photo=camera; sew a button=needle; dig a hole=spade; climb to a
    roof=ladder; bake bread=oven; weigh flour=scale; carry books=bag""")

DAYS = words("Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday")
MONTHS = words("""January, February, March, April, May, June, July, August, September, October,
    November, December""")
MONTH_DAYS = pairs("""January=31; March=31; April=30; May=31; June=30; July=31; August=31;
    September=30; October=31; November=30; December=31""")

CATEGORIES = {
    "fruits": words("apples, bananas, pears, plums, grapes, mangoes, cherries, peaches"),
    "vegetables": words("carrots, onions, peas, spinach, cabbage, leeks, radishes"),
    "colours": words("red, blue, green, yellow, purple, brown, pink"),
    "pets": words("dogs, cats, rabbits, hamsters, goldfish, parrots"),
    "wild animals": words("lions, tigers, wolves, bears, foxes, zebras, giraffes"),
    "sports": words("football, tennis, swimming, running, hockey, golf, judo"),
    "instruments": words("piano, guitar, violin, flute, drums, trumpet, harp"),
    "drinks": words("water, tea, coffee, milk, juice, lemonade"),
    "trees": words("oak, birch, maple, willow, beech, spruce"),
    "flowers": words("roses, tulips, daisies, lilies, violets, poppies"),
    "planets": words("Mercury, Venus, Mars, Jupiter, Saturn, Neptune"),
    "jobs": words("teacher, doctor, baker, farmer, nurse, pilot, painter"),
    "metals": words("iron, copper, gold, silver, tin, zinc"),
    "shapes": words("circle, square, triangle, star, cube, oval"),
    "clothes": words("shirt, hat, coat, socks, shoes, gloves, scarf"),
    "vehicles": words("car, train, bicycle, boat, plane, tram, lorry"),
    "rooms": words("kitchen, bedroom, bathroom, attic, cellar, hallway"),
    "insects": words("ants, bees, beetles, moths, wasps, crickets"),
}
