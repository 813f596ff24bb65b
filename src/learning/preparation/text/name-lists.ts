/**
 * Lists of names: common given names and family names of several languages, places, nationalities and religions. They
 * are short on purpose: a name that is not here is found only by its surroundings, or not at all.
 *
 * @module
 */

const words = (text: string): readonly string[] => text.trim().split(/\s+/);
const phrases = (text: string): readonly string[] => text.split('|').map((phrase) => phrase.trim());

/** Given names. */
export const GIVEN_NAMES: readonly string[] = words(`
Aaron Abdul Abdullah Abigail Adam Adele Adrian Adriana Agnes Ahmad Ahmed Aisha Alan Alana Albert Alberto Alejandro Alessandro
Alex Alexander Alexandra Alexandre Alexis Alfred Alice Alicia Alison Allison Alma Alyssa Amanda Amber Amelia Amina Amir Amit Amy
Ana Anastasia Anders Andre Andrea Andreas Andrei Andrew Andrzej Angela Angelina Anil Anita Anja Anjali Ann Anna Anne Annette Annie
Anthony Antoine Anton Antonio Anya Arjun Arnold Arthur Arturo Asha Ashley Astrid Audrey Aurora Ava Ayesha Barbara Beatrice Beatriz
Ben Benjamin Bernard Bernd Bernhard Bertha Beth Bethany Betty Beverly Bianca Birgit Bjorn Björn Bob Bonnie Boris Brad Bradley
Brandon Brenda Brendan Brian Bridget Brittany Bruce Bruno Bryan Caitlin Camila Camille Carl Carla Carlos Carmen Carol Carolina
Caroline Carolyn Catherine Cathy Cecilia Cedric Chad Charles Charlie Charlotte Chen Cheryl Chiara Chloe Chris Christian Christina
Christine Christoph Christophe Christopher Cindy Claire Clara Claude Claudia Clemens Colin Connor Consuelo Corinne Courtney Craig
Cristina Curtis Cynthia Daisuke Dale Damian Dan Dana Daniel Daniela Danielle Danny Darren Dave David Dawn Dean Debbie Deborah
Debra Deepak Denis Denise Dennis Derek Diana Diane Diego Dieter Dimitri Dirk Dmitri Dmitry Dominic Dominik Don Donald Donna Dora
Doris Dorothy Doug Douglas Duncan Dylan Eduardo Edward Edwin Eileen Elaine Eleanor Elena Eli Elias Elif Elisa Elizabeth Ella Ellen
Emilia Emily Emma Emmanuel Enrique Eric Erica Erik Erika Ernest Esther Ethan Eugene Eva Evan Evelyn Fabian Fatima Federico Felipe
Felix Fernando Fiona Florian Frances Francesca Francesco Francis Francisco Franco Frank Franz Fred Frederick Friedrich Gabriel
Gabriela Gabrielle Gareth Gary Gavin Geoffrey George Georgia Gerald Gerard Gerhard Giovanni Giulia Giuseppe Gloria Gordon Graham
Greg Gregory Greta Guillaume Gunnar Gustav Hanna Hannah Hans Harold Harriet Harry Hassan Heather Hector Heidi Heike Heinz Heinrich Helen
Helena Helga Henrik Henry Herbert Hiroshi Holger Howard Hugh Hugo Ian Ibrahim Igor Ilse Imran Ines Ingrid Irene Irina Iris Isaac
Isabel Isabella Isabelle Ivan Ivana Jack Jackie Jackson Jacob Jacqueline Jacques Jaime Jake James Jamie Jan Jane Janet Janice Jared
Jasmine Jason Javier Jean Jeanette Jeff Jeffrey Jenna Jennifer Jenny Jens Jeremy Jerome Jerry Jessica Jill Jim Jimmy Joan Joanna
Joanne Joao João Jochen Joel Johan Johann Johanna Johannes John Johnny Jonas Jonathan Jordan Jorge Jose José Josef Joseph Josephine Joshua
Joyce Juan Juanita Judith Judy Julia Julian Juliana Julie Julien Juliet Julio Jürgen Juergen Justin Kai Karen Karim Karin Karina Karl Karsten
Katarzyna Kate Katharina Katherine Kathleen Kathryn Kathy Katie Katja Katrin Kavita Keith Kelly Ken Kenji Kenneth Kerry Kevin Khalid
Kim Kimberly Kiran Klaus Kofi Kristen Kristin Kristina Krzysztof Kurt Kyle Lars Laura Lauren Laurence Laurent Lawrence Lea Leah
Leila Leo Leon Leonard Leonardo Leslie Lewis Liam Lila Lillian Linda Lindsay Lindsey Lisa Liu Logan Lorenzo Lorraine Louis Louise
Luc Luca Lucas Lucia Lucy Luigi Luis Luisa Lukas Luke Lydia Lynn Madeleine Madison Magdalena Mahmoud Malik Manfred Manuel Marc
Marcel Marcia Marco Marcos Marcus Margaret Margarita Maria María Mariam Marianne Marie Marina Mario Marion Marisa Marissa Marjorie Marlene
Marta Martha Martin Martina Mary Maryam Mateo Mateusz Mathias Mathieu Matteo Matthew Matthias Maureen Maurice Max Maxim Maximilian
Maya Megan Mei Melanie Melinda Melissa Mercedes Meredith Mia Michael Michaela Michal Michel Michele Michelle Miguel Mike Mikhail
Mila Milan Milena Miranda Miriam Mitchell Mohamed Mohammad Mohammed Moira Mona Monica Monika Monique Morgan Muhammad Murat Mustafa
Myriam Nadia Nadine Nancy Naomi Natalia Natalie Natasha Nathan Nathaniel Neha Neil Nelson Nicholas Nick Nicola Nicolas Nicole Nigel
Nikhil Nikola Nikolai Nina Noah Noel Noemi Nora Norma Norman Oleg Olga Oliver Olivia Olivier Omar Oscar Oskar Otto Pablo Pamela
Paola Paolo Pascal Patricia Patrick Paul Paula Paulina Pauline Pavel Pedro Peggy Penelope Peter Petra Philip Philipp Philippe
Phillip Phyllis Pierre Piotr Pooja Priya Rachel Radu Rafael Rahul Raj Rajesh Ralf Ralph Ramon Randall Raphael Raquel Rashid Ravi
Raymond Rebecca Regina Reinhard Renate Rene Renee Ricardo Richard Rick Ricky Rita Rob Robert Roberta Roberto Robin Rodrigo Roger
Rohan Roland Rolf Roman Ronald Ronnie Rosa Rosalie Rosemary Ross Roy Ruben Rudolf Rupert Russell Ruth Ryan Sabine Sabrina Sally
Salma Sam Samantha Samira Samuel Sandeep Sandra Sanjay Santiago Sara Sarah Sascha Sasha Saul Scott Sean Sebastian Serena Sergei
Sergio Seth Shane Shannon Sharon Shaun Shawn Sheila Shirley Sienna Silke Silvia Simon Simone Siobhan Sofia Sonia Sonja Sophia
Sophie Stacey Stacy Stanislav Stanley Stefan Stefanie Stella Stephan Stephanie Stephen Steve Steven Stuart Sue Sunita Suresh Susan
Susanna Susanne Suzanne Svetlana Sven Sylvia Takeshi Tamara Tania Tanja Tanya Tara Tariq Tatiana Ted Teresa Terry Theodore Theresa
Thomas Tiffany Tim Timothy Tina Tobias Todd Tom Tomas Tomasz Tommy Toni Tony Torsten Tracey Tracy Travis Trevor Tricia Tyler Uma
Ursula Uwe Valentina Valerie Vanessa Vera Verena Veronica Veronika Vicky Victor Victoria Vijay Vikram Viktor Vincent Virginia
Vivian Vladimir Walter Wanda Warren Wayne Wei Wendy Werner Wilhelm William Wolfgang Xavier Yan Yasmin Yuki Yulia Yusuf Yvonne
Zachary Zainab Zoe Zofia
`);

/** Given names that are common words, months or places: names only beside a family name. */
export const AMBIGUOUS_NAMES: readonly string[] = words(`
Amber April August Art Bill Brook Carol Chad Charity Chase Christian Clay Cliff Crystal Daisy Dawn Dean Dale Don Drew Earl Eve Faith Florence
Frank Gene Glen Grace Grant Guy Heath Hope Hunter Iris Ivy Jack Jade Jasmine Jean Jordan Joy June Lance Lily Mark Mason May Max Melody
Milan Miles Morgan Norm Olive Paris Pat Patience Pearl Penny Rich Robin Rob Roman Rose Ross Ruby Rusty Sandy Sierra Stella Sterling Sue
Summer Sydney Terry Tony Victor Violet Virginia Wade Ward Will Chelsea Chen Austin Dallas Houston Brandon Lincoln Jackson Madison Georgia
Charlotte India Sofia Florence Santiago Diego Kim Liu Mei Yan Van Star Ray Nick Mike Harry Bob Rick Josh Buck Duke Prince Sonny Colt
`);

/** Family names. */
export const FAMILY_NAMES: readonly string[] = words(`
Smith Johnson Williams Brown Jones Garcia Miller Davis Rodriguez Martinez Hernandez Lopez Gonzalez Wilson Anderson Thomas Taylor
Moore Jackson Martin Lee Perez Thompson White Harris Sanchez Clark Ramirez Lewis Robinson Walker Young Allen King Wright Scott
Torres Nguyen Hill Flores Green Adams Nelson Baker Hall Rivera Campbell Mitchell Carter Roberts Gomez Phillips Evans Turner Diaz
Parker Cruz Edwards Collins Reyes Stewart Morris Morales Murphy Cook Rogers Gutierrez Ortiz Morgan Cooper Peterson Bailey Reed
Kelly Howard Ramos Kim Cox Ward Richardson Watson Brooks Chavez Wood James Bennett Gray Mendoza Ruiz Hughes Price Alvarez Castillo
Sanders Patel Myers Long Ross Foster Jimenez Powell Jenkins Perry Russell Sullivan Bell Coleman Butler Henderson Barnes Gonzales
Fisher Vasquez Simmons Romero Jordan Patterson Alexander Hamilton Graham Reynolds Griffin Wallace Moreno West Cole Hayes Bryant
Herrera Gibson Ellis Tran Medina Aguilar Stevens Murray Ford Castro Marshall Owens Harrison Fernandez McDonald Woods Washington
Kennedy Wells Vargas Henry Freeman Webb Tucker Guzman Burns Crawford Olson Simpson Porter Hunter Gordon Mendez Silva Shaw Snyder
Mason Dixon Munoz Hunt Hicks Holmes Palmer Wagner Black Robertson Boyd Stone Salazar Fox Warren Mills Meyer Rice Schmidt Schmitt Garza
Müller Mueller Schneider Fischer Weber Becker Schulz Schäfer Schaefer Koch Bauer Richter Klein Wolf Schröder Schroeder Neumann Schwarz Zimmermann
Braun Krüger Krueger Hofmann Hartmann Lange Werner Krause Lehmann Köhler Koehler Maier Huber Kaiser Fuchs Vogel Keller Winkler Berger Dupont Durand
Dubois Moreau Laurent Lefebvre Leroy Roux Fournier Girard Bonnet Rossi Russo Ferrari Esposito Bianchi Romano Colombo Ricci Marino
Greco Conti Andersson Johansson Karlsson Nilsson Eriksson Larsson Olsson Persson Svensson Hansen Johansen Olsen Larsen Nielsen
Jensen Kowalski Nowak Wiśniewski Wójcik Novak Ivanov Petrov Smirnov Popov Sokolov Singh Kumar Sharma Gupta Shah Khan Ahmed Ali
Hussain Iyer Reddy Rao Mehta Joshi Desai Chen Wang Zhang Liu Yang Huang Zhao Wu Zhou Xu Sun Tanaka Suzuki Sato Takahashi Watanabe
Yamamoto Nakamura Kobayashi Park Choi Jung Kang Cho Okafor Adeyemi Mensah Nkosi Dlamini Mohamed Hassan Ibrahim Cohen Levy Friedman
Goldberg Katz OBrien O'Brien O'Connor O'Neill McCarthy Byrne Ryan Walsh Doyle Gallagher Fraser MacDonald Santos Oliveira Souza Lima
Pereira Ferreira Costa Almeida Van Visser Bakker Jansen
`);

/** Countries and parts of the world. */
export const COUNTRIES: readonly string[] = phrases(
  'Afghanistan|Albania|Algeria|Argentina|Armenia|Australia|Austria|Azerbaijan|Bahrain|Bangladesh|Belarus|Belgium|Bolivia|Bosnia|Botswana|Brazil|Bulgaria|Cambodia|Cameroon|Canada|Chile|China|Colombia|Costa Rica|Croatia|Cuba|Cyprus|Czech Republic|Czechia|Denmark|Dominican Republic|Ecuador|Egypt|El Salvador|England|Estonia|Ethiopia|Finland|France|Germany|Deutschland|Ghana|Great Britain|Greece|Guatemala|Haiti|Honduras|Hong Kong|Hungary|Iceland|India|Indonesia|Iran|Iraq|Ireland|Israel|Italy|Italia|Jamaica|Japan|Kazakhstan|Kenya|Kuwait|Laos|Latvia|Lebanon|Libya|Lithuania|Luxembourg|Malaysia|Mali|Malta|Mexico|Moldova|Monaco|Mongolia|Montenegro|Morocco|Mozambique|Myanmar|Namibia|Nepal|Netherlands|New Zealand|Nicaragua|Nigeria|North Korea|Northern Ireland|Norway|Oman|Pakistan|Palestine|Panama|Paraguay|Peru|Philippines|Poland|Portugal|Puerto Rico|Qatar|Romania|Russia|Rwanda|Saudi Arabia|Scotland|Senegal|Serbia|Sierra Leone|Singapore|Slovakia|Slovenia|Somalia|South Africa|South Korea|Spain|Sri Lanka|Sudan|Sweden|Switzerland|Syria|Taiwan|Tanzania|Thailand|Tunisia|Türkiye|Uganda|Ukraine|United Arab Emirates|United Kingdom|United States|United States of America|Uruguay|Uzbekistan|Venezuela|Vietnam|Wales|Yemen|Zambia|Zimbabwe',
);

/** States, regions and cities. */
export const PLACES: readonly string[] = phrases(
  'Alabama|Alaska|Arizona|Arkansas|California|Colorado|Connecticut|Delaware|Florida|Hawaii|Idaho|Illinois|Indiana|Iowa|Kansas|Kentucky|Louisiana|Maine|Maryland|Massachusetts|Michigan|Minnesota|Mississippi|Missouri|Montana|Nebraska|Nevada|New Hampshire|New Jersey|New Mexico|New York|New York City|North Carolina|North Dakota|Ohio|Oklahoma|Oregon|Pennsylvania|Rhode Island|South Carolina|South Dakota|Tennessee|Texas|Utah|Vermont|West Virginia|Wisconsin|Wyoming|Ontario|Quebec|British Columbia|Alberta|Bavaria|Bayern|Hesse|Saxony|Catalonia|Tuscany|Normandy|Brittany|Queensland|Tasmania|New South Wales|Kerala|Punjab|Maharashtra|Los Angeles|Chicago|Houston|Phoenix|Philadelphia|San Antonio|San Diego|Dallas|San Jose|Austin|Jacksonville|San Francisco|Seattle|Denver|Boston|Nashville|Detroit|Portland|Las Vegas|Memphis|Baltimore|Milwaukee|Albuquerque|Sacramento|Atlanta|Miami|Oakland|Minneapolis|Cleveland|Tampa|New Orleans|Honolulu|Pittsburgh|Cincinnati|St. Louis|Salt Lake City|Brooklyn|Manhattan|Toronto|Montreal|Vancouver|Calgary|Ottawa|London|Manchester|Birmingham|Leeds|Liverpool|Bristol|Sheffield|Edinburgh|Glasgow|Cardiff|Belfast|Oxford|Cambridge|Brighton|Nottingham|Dublin|Cork|Galway|Paris|Lyon|Marseille|Toulouse|Nice|Bordeaux|Strasbourg|Lille|Berlin|Hamburg|Munich|München|Cologne|Köln|Frankfurt|Stuttgart|Düsseldorf|Dusseldorf|Leipzig|Dresden|Hannover|Hanover|Nuremberg|Nürnberg|Bremen|Dortmund|Bonn|Heidelberg|Freiburg|Vienna|Wien|Salzburg|Graz|Zurich|Zürich|Geneva|Basel|Bern|Lausanne|Madrid|Barcelona|Valencia|Seville|Sevilla|Bilbao|Lisbon|Porto|Rome|Roma|Milan|Milano|Naples|Turin|Florence|Venice|Bologna|Palermo|Athens|Brussels|Antwerp|Ghent|Amsterdam|Rotterdam|The Hague|Utrecht|Eindhoven|Copenhagen|Aarhus|Stockholm|Gothenburg|Malmö|Oslo|Bergen|Helsinki|Tampere|Reykjavik|Warsaw|Krakow|Kraków|Gdansk|Wroclaw|Prague|Brno|Budapest|Bucharest|Sofia|Belgrade|Zagreb|Ljubljana|Kyiv|Kiev|Lviv|Minsk|Moscow|St. Petersburg|Istanbul|Ankara|Izmir|Cairo|Alexandria|Lagos|Abuja|Nairobi|Mombasa|Johannesburg|Cape Town|Durban|Pretoria|Accra|Casablanca|Tunis|Addis Ababa|Tel Aviv|Jerusalem|Haifa|Dubai|Abu Dhabi|Riyadh|Doha|Beirut|Amman|Baghdad|Tehran|Karachi|Lahore|Islamabad|Mumbai|Delhi|New Delhi|Bangalore|Bengaluru|Hyderabad|Chennai|Kolkata|Pune|Ahmedabad|Dhaka|Colombo|Kathmandu|Beijing|Shanghai|Shenzhen|Guangzhou|Wuhan|Chengdu|Tokyo|Osaka|Kyoto|Yokohama|Nagoya|Seoul|Busan|Incheon|Taipei|Manila|Quezon City|Cebu|Jakarta|Bangkok|Hanoi|Ho Chi Minh City|Kuala Lumpur|Sydney|Melbourne|Brisbane|Perth|Adelaide|Canberra|Auckland|Wellington|Christchurch|Mexico City|Guadalajara|Monterrey|Bogotá|Bogota|Medellín|Lima|Quito|Caracas|Buenos Aires|Santiago|Montevideo|São Paulo|Sao Paulo|Rio de Janeiro|Brasília|Havana|Springfield|Europe|Asia|Africa|South America|North America|Scandinavia|Middle East|Silicon Valley',
);

/** Nationalities, religions and political groups. */
export const GROUPS: readonly string[] = phrases(
  "American|Americans|British|Briton|Britons|English|Englishman|Scottish|Welsh|Irish|Canadian|Canadians|Mexican|Mexicans|Brazilian|Brazilians|Argentinian|Argentine|Colombian|Chilean|Peruvian|Venezuelan|Cuban|Spanish|Spaniard|Spaniards|Portuguese|French|Frenchman|German|Germans|Austrian|Austrians|Swiss|Italian|Italians|Greek|Greeks|Dutch|Belgian|Belgians|Danish|Dane|Danes|Swedish|Swede|Swedes|Norwegian|Norwegians|Finnish|Finn|Finns|Icelandic|Polish|Czech|Slovak|Hungarian|Hungarians|Romanian|Romanians|Bulgarian|Serbian|Serb|Croatian|Croat|Slovenian|Ukrainian|Ukrainians|Russian|Russians|Belarusian|Estonian|Latvian|Lithuanian|Turkish|Turk|Turks|Kurdish|Kurd|Kurds|Israeli|Israelis|Palestinian|Palestinians|Arab|Arabs|Egyptian|Egyptians|Syrian|Syrians|Iraqi|Iraqis|Iranian|Iranians|Lebanese|Jordanian|Saudi|Saudis|Moroccan|Tunisian|Algerian|Libyan|Nigerian|Nigerians|Ghanaian|Kenyan|Kenyans|Ethiopian|Somali|Sudanese|South African|Indian|Indians|Pakistani|Pakistanis|Bangladeshi|Sri Lankan|Nepalese|Afghan|Afghans|Chinese|Japanese|Korean|Koreans|South Korean|North Korean|Vietnamese|Thai|Filipino|Filipinos|Indonesian|Malaysian|Singaporean|Taiwanese|Australian|Australians|New Zealander|European|Europeans|Asian|Asians|African American|Latino|Latina|Hispanic|Caucasian|Roma|Sinti|Christian|Christians|Catholic|Catholics|Protestant|Protestants|Orthodox|Lutheran|Methodist|Baptist|Evangelical|Mormon|Mormons|Jehovah's Witness|Jewish|Jew|Jews|Muslim|Muslims|Sunni|Shia|Shiite|Hindu|Hindus|Sikh|Sikhs|Buddhist|Buddhists|Atheist|Republican|Republicans|Democrat|Democrats|Conservative Party|Labour Party|Tory|Tories|Socialist|Communist|Communists|Social Democrat|Green Party",
);
